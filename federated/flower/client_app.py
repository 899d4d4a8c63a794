"""The ClientApp: hands each message to the site of its node, and its answer back. Decides nothing, tells nothing."""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from federated.errors import MalformedError, Refusal
from federated.exchange import Refused, refused_bytes
from federated.flower.gates import SITE, site_named
from federated.flower.installed import installed_site
from federated.flower.wire import Listening, pack

app = ClientApp()
_LISTENING = Listening()


@app.query()
@app.train()
@app.evaluate()
def answer(message: Message, context: Context) -> Message:
    """Answer an order or a round."""
    try:
        site = site_named(context.node_config.get(SITE)) or installed_site()
        content = _LISTENING.answer(message.content, site, of=(context.run_id, context.node_id))
    except MalformedError:
        content = pack(refused_bytes(Refused(Refusal.MALFORMED)))
    except Exception:  # noqa: BLE001  Flower sends an exception's text to the server: a code goes instead
        content = pack(refused_bytes(Refused(Refusal.INTERNAL)))
    return Message(content, reply_to=message)
