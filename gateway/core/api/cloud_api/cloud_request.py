"""Request in the form of Meta's Cloud API: a message, a read mark, or a typing indicator; pure.

https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from gateway.core import messages
from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.recipient import Recipient
from gateway.core.sending.send import REPEATABLE_LIFETIME

# An unanswered request is sent within this time or never, and the same one joins it so long.
LIFETIME = timedelta(minutes=2)
MOST_CALLBACK_DATA = 512
MOST_MESSAGE_ID = 256
_MARK_FIELDS = frozenset({"messaging_product", "status", "message_id", "typing_indicator"})
_CALLBACK = "biz_opaque_callback_data"


@dataclass(frozen=True, slots=True)
class CloudRequest:
    """What a client asks for; `recipient` is whom it names, in its own words."""

    message: MessageRequest
    recipient: str = field(default="", repr=False)

    @property
    def is_mark(self) -> bool:
        """Say whether it is a read mark or a typing indicator, which becomes no message."""
        return self.message.repeatable


def read_cloud_request(fields: Mapping[str, Any], country: str) -> CloudRequest | list[FieldError]:
    """Return the request in a body, or everything that is wrong with it.

    `country` is that of the account, by which national phone numbers are read, "" for none.
    """
    if fields.get("messaging_product") != "whatsapp":
        return [FieldError("#/messaging_product", "must be whatsapp")]
    return _read_mark(fields) if "status" in fields else _read_message(fields, country)


def _read_message(fields: Mapping[str, Any], country: str) -> CloudRequest | list[FieldError]:
    reader = FieldReader(fields)
    callback_data = reader.text(_CALLBACK, MOST_CALLBACK_DATA, least=0)
    # Meta takes a body without a type for a text.
    given = {"type": "text"} | {name: one for name, one in fields.items() if one is not None}
    given.pop(_CALLBACK, None)
    reader.refuse_unknown(_meta_fields(given))
    user_id = given.pop("recipient", None)
    if user_id is not None and "to" not in given:
        given["to"] = {"user_id": user_id}
    request = read_request(given, country)
    if not isinstance(request, MessageRequest):
        return [*reader.errors, *(one for one in request if one not in reader.errors)]
    if reader.errors:
        return reader.errors
    told = fields.get("to") or user_id
    # What the client calls back by is ours to keep: the body's own names our attempt.
    message = replace(request, ttl=LIFETIME, reference=callback_data)
    return CloudRequest(message, str(told))


def _meta_fields(given: Mapping[str, Any]) -> frozenset[str]:
    kind = given["type"]
    own = {kind} if isinstance(kind, str) else set()
    return frozenset(
        {"messaging_product", "recipient_type", "to", "recipient", "type", "context", _CALLBACK}
        | own
    )


def _read_mark(fields: Mapping[str, Any]) -> CloudRequest | list[FieldError]:
    reader = FieldReader(fields)
    reader.refuse_unknown(_MARK_FIELDS)
    reader.choice("status", ("read",))
    message_id = reader.text("message_id", MOST_MESSAGE_ID)
    if not message_id and not reader.errors:
        reader.add("message_id", "is missing: the wamid of the customer's message")
    typing = fields.get("typing_indicator")
    if typing is not None and typing != {"type": "text"}:
        reader.add("typing_indicator", 'must be {"type": "text"}')
    if fields.get("status") is None:
        reader.add("status", "must be read")
    if reader.errors:
        return reader.errors
    body = messages.typing(message_id) if typing else messages.mark_read(message_id)
    return CloudRequest(
        MessageRequest(
            recipient=_lane_of_marks(message_id),
            body=body,
            is_answer=True,
            ttl=REPEATABLE_LIFETIME,
            repeatable=True,
        )
    )


def _lane_of_marks(message_id: str) -> Recipient:
    """Return where marks of a message are in order: it names no customer, so they wait for none."""
    return Recipient("", f"mark-{sha256(message_id.encode()).hexdigest()[:16]}")
