"""The ClientApp: hands each message to the site of its node, and its answer back. Decides nothing, tells nothing."""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from federated.errors import Refusal
from federated.exchange import Refused, refused_bytes
from federated.flower.gates import SITE, site_named
from federated.flower.installed import installed_site
from federated.flower.wire import pack, unpack

app = ClientApp()


@app.query()
@app.train()
@app.evaluate()
def answer(message: Message, context: Context) -> Message:
    """Answer an order or a round."""
    try:
        site = site_named(context.node_config.get(SITE)) or installed_site()
        reply = site(unpack(message.content))
    except Exception:  # noqa: BLE001  Flower sends an exception's text to the server: a code goes instead
        reply = refused_bytes(Refused(Refusal.INTERNAL))
    return Message(pack(reply), reply_to=message)
