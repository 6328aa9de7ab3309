"""Call of a service: what a rule asks of an application of the operator's, for one event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.storage.timestamps import ms_from_datetime

CALL = "call"
_OF_REQUEST = ("service", "method", "path", "content", "content_type")
_OF_ANSWER = ("number", "contact", "at")


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One call as it was planned; its id is the Idempotency-Key of each attempt.

    The payload has the request (`method`, `path`, `content`, `content_type`), where the call stands
    in the rules (`rule`, `position`, `signature`), whom it is about, and what the branches need of
    the event (`values`, `moments`, `said`, `typing`). The address and the secret of the service are
    in no row: they are read from the rules at each attempt.
    """

    id: str
    service: str
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def request(self) -> str:
        """Return the method, the service and the path in one text."""
        return f"{self.payload['method']} {self.service}:{self.payload['path']}"


def read_payload(stored: bytes | None) -> Mapping[str, Any]:
    """Return the payload of a stored call, or of a notification; empty where it cannot be read."""
    try:
        payload = orjson.loads(stored or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}


def is_request(payload: Mapping[str, Any]) -> bool:
    """Say whether a payload has all that is needed to make its call."""
    return all(isinstance(payload.get(name), str) for name in _OF_REQUEST)


def has_customer(payload: Mapping[str, Any]) -> bool:
    """Say whether an answer to a call finds the customer whose event asked."""
    return payload.keys() >= set(_OF_ANSWER)


def build_call(
    call: str, rule: str, asked: Mapping[str, Any], event: Event, contact: Contact
) -> ServiceCall:
    """Build the call of an event; `asked` is the body of the rule's action, placeholders filled.

    The customer is named as inbox deliveries name one, so that the answer joins their partition.
    """
    payload = {
        **asked,
        "rule": rule,
        "event": event.key,
        "at": ms_from_datetime(event.at),
        "number": event.number,
        "contact": contact.key,
        "wa_id": contact.wa_id or event.wa_id,
        "user_id": contact.user_id or event.user_id,
    }
    return ServiceCall(call, str(asked["service"]), payload)
