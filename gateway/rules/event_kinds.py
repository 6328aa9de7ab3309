"""Kinds of events, as rules name them."""

from gateway.core.events import Event, Message, Notice, Status
from gateway.core.paths.table import find_path

EVENTS = ("message", "status", "call", "echo", "standby", "history", "notice")
# From the phone of the business, on which a colleague writes.
SMB_ECHO_FIELD = "smb_message_echoes"
# Types of messages in which a customer says, taps or sends something. A message of another type,
# also of one that Meta adds later, is answered only by rules that name its type.
ANSWERED_TYPES = frozenset(
    {"text", "button", "interactive", "image", "video", "audio", "voice", "document", "sticker"}
    | {"location", "contacts", "order"}
)
# Webhook fields of notices about the account, which have no customer.
ACCOUNT_FIELDS = frozenset(
    {"account_update", "account_alerts", "account_review_update", "business_capability_update"}
    | {"message_template_status_update", "message_template_quality_update", "security", "flows"}
    | {"message_template_components_update", "template_category_update"}
    | {"phone_number_name_update", "phone_number_quality_update"}
)
_KIND_BY_FIELD = {
    SMB_ECHO_FIELD: "echo", "message_echoes": "echo", "standby": "standby", "history": "history",
    "calls": "call",
}  # fmt: skip


def kind_of(event: Event) -> str:
    """Return the kind of an event, "" for an event that no rule is asked about."""
    match event:
        case Message() | Status():
            return event.kind
        case Notice():
            return kind_of_field(event.field)
        case _:
            return ""


def kind_of_field(field: str) -> str:
    """Return the kind of events of a webhook field that are neither messages nor statuses."""
    return _KIND_BY_FIELD.get(field, "notice")


def types_with_path(name: str) -> frozenset[str]:
    """Return the types of messages of which a path tells something, empty if any type may be."""
    path = find_path(name)
    scopes = [scope.partition(":") for scope in path.scopes] if path else []
    is_typed = all(kind == "message" and kind_type for kind, _, kind_type in scopes)
    return frozenset(kind_type for _, _, kind_type in scopes) if is_typed else frozenset()
