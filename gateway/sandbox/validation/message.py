"""Rules for a whole request: what every message has, and the table of types."""

from gateway.sandbox.errors import (
    INVALID,
    UNSUPPORTED_TYPE,
    Refusal,
    invalid,
    missing,
    wrong_type,
)
from gateway.sandbox.validation import media_and_templates
from gateway.sandbox.validation.interactive import INTERACTIVE
from gateway.sandbox.validation.media_and_templates import TEMPLATE
from gateway.sandbox.validation.schema import (
    Rule,
    all_of,
    array,
    boolean,
    number,
    one_of,
    pattern,
    record,
    text,
)
from gateway.sandbox.wire import WAMID, Json, is_user_id, phone_digits

TEXT_MAX = 4096  # characters
CALLBACK_DATA_MAX = 512  # characters
CONTACTS_MAX = 257

_NAME = record({"formatted_name": text()})
_CONTACT = record(
    {"name": _NAME},
    {"phones": array(record({})), "emails": array(record({})), "urls": array(record({}))},
)

_TYPES: dict[str, Rule] = {
    "text": record({"body": text(TEXT_MAX)}, {"preview_url": boolean}),
    "image": media_and_templates.CAPTIONED,
    "video": media_and_templates.CAPTIONED,
    "document": media_and_templates.DOCUMENT,
    "audio": media_and_templates.AUDIO,
    "sticker": media_and_templates.STICKER,
    "location": record(
        {"latitude": number(-90, 90), "longitude": number(-180, 180)},
        {"name": text(), "address": text()},
    ),
    "contacts": array(_CONTACT, least=1, most=CONTACTS_MAX),
    "reaction": record(
        {"message_id": text(), "emoji": pattern(r"|.*[^\x00-\x7f].*", "an emoji or empty")}
    ),
    "interactive": INTERACTIVE,
    "template": TEMPLATE,
}
_BODIES = {name: record({name: rule}) for name, rule in _TYPES.items()}


def _phone(value: object, path: str) -> Refusal | None:
    if not isinstance(value, str):
        return wrong_type(path, "a string")
    return None if phone_digits(value) else invalid(path, "must be a phone number")


def _user_id(value: object, path: str) -> Refusal | None:
    if not isinstance(value, str):
        return wrong_type(path, "a string")
    return None if is_user_id(value) else invalid(path, "must be a user id")


def _product(body: Json, _: str) -> Refusal | None:
    if body.get("messaging_product") == "whatsapp":
        return None
    return Refusal(INVALID, "Parameter messaging_product is required and must be whatsapp.")


def _recipient(body: Json, _: str) -> Refusal | None:
    return None if body.get("to") or body.get("recipient") else missing("to")


def _check_type(body: Json, _: str) -> Refusal | None:
    kind = body.get("type", "text")
    if not isinstance(kind, str):
        return wrong_type("type", "a string")
    rule = _BODIES.get(kind)
    if rule is None:
        return Refusal(UNSUPPORTED_TYPE, f"Parameter type must be one of {', '.join(_BODIES)}.")
    return rule(body, "")


_MESSAGE = all_of(
    _product,
    record(
        {},
        {
            "to": _phone,
            "recipient": _user_id,
            "recipient_type": one_of("individual"),
            "context": record({"message_id": text()}),
            "biz_opaque_callback_data": text(CALLBACK_DATA_MAX, may_be_empty=True),
        },
    ),
    _recipient,
    _check_type,
)
_READ = all_of(
    _product,
    record(
        {
            "status": one_of("read"),
            "message_id": pattern(rf"{WAMID}.+", "the id of a message of a customer"),
        },
        {"typing_indicator": record({"type": one_of("text")})},
    ),
)


def is_read_mark(body: Json) -> bool:
    """Tell whether this marks a message as read (and perhaps shows typing) instead of sending."""
    return "status" in body


def check_message(body: Json) -> Refusal | None:
    """Judge one request body; None means that Meta would accept it."""
    return _READ(body, "") if is_read_mark(body) else _MESSAGE(body, "")
