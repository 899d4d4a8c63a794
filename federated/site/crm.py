"""A cleared decision as a signed webhook to the brand's own CRM: codes only, under the site's own pseudonym.

Format: Standard Webhooks (headers webhook-id, webhook-timestamp, webhook-signature; HMAC-SHA-256). The identifier is
the decision's commitment, so a message that is sent again is known by it.

    {"type": "decision.cleared", "timestamp": ..., "data": {"member": pseudonym, "kind": ..., "action": [...],
     "label": ..., "horizon_days": ..., "reasons": [{"feature": ..., "level": ...}], "send_before": ...}}
"""

import json
from collections.abc import Callable
from datetime import timedelta

import httpx
from standardwebhooks import Webhook

from federated.errors import FederatedError
from federated.gate import Clock
from federated.site.decisions import Kept

SEND_WITHIN = timedelta(hours=24)


class NotDeliveredError(FederatedError):
    """The CRM did not take a message: nothing is lost, the decision waits and will be cleared anew."""


def webhook(url: str, *, secret: str, client: httpx.Client, clock: Clock) -> Callable[[Kept], None]:
    """A way to tell a brand's CRM about cleared decisions.

    Args:
        url: https, or http on this machine.
        secret: shared with the CRM, base64, "whsec_" allowed in front.
        client: sends; with a timeout of its own.
        clock: now.

    Raises:
        NotDeliveredError: an address that is not encrypted.
    """
    target = httpx.URL(url)
    if target.scheme != "https" and target.host not in ("localhost", "127.0.0.1", "::1"):
        raise NotDeliveredError("the CRM's address must be https; correct offers.toml")
    signer = Webhook(secret)

    def deliver(kept: Kept) -> None:
        at = clock()
        body = json.dumps(message_of(kept, send_before=(at + SEND_WITHIN).isoformat(), at=at.isoformat()))
        headers = {
            "content-type": "application/json",
            "webhook-id": kept.commitment,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signer.sign(kept.commitment, at, body),
        }
        try:
            answer = client.post(target, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotDeliveredError(f"the CRM cannot be reached ({type(error).__name__}); run this again") from error
        if not answer.is_success:
            raise NotDeliveredError(f"the CRM answered {answer.status_code}; run this again")

    return deliver


def message_of(kept: Kept, *, send_before: str, at: str) -> dict[str, object]:
    """What the CRM is told: never a score, never a value of hers."""
    document = kept.document
    return {
        "type": "decision.cleared",
        "timestamp": at,
        "data": {
            "member": kept.pseudonym.hex(),
            "kind": document["kind"],
            "action": list(document["action"]),
            "label": document["label"],
            "horizon_days": document["horizon_days"],
            "reasons": [{"feature": one["feature"], "level": one["level"]} for one in document["reasons"]],
            "send_before": send_before,
        },
    }
