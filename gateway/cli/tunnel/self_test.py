"""A delivery of our own that shows the whole way in and has no effect; pure."""

from datetime import UTC, datetime

import orjson

from gateway.core.events import Delivery
from gateway.core.webhook.parser import split

# Meta has no such field, so it becomes a notice, which starts no rule and is sent to nobody.
FIELD = "gateway_self_test"


def make_body(waba: str, number: str, nonce: str) -> bytes:
    """Return a delivery that nobody sent before, for the nonce makes it another one each time."""
    value = {"metadata": {"phone_number_id": number}, "nonce": nonce}
    entry = {"id": waba, "changes": [{"field": FIELD, "value": value}]}
    return orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})


def event_key(posted: bytes) -> str:
    """Return under which key the gateway knows the event of such a delivery."""
    (event,) = split(Delivery("", datetime.fromtimestamp(0, UTC), posted))
    return event.key
