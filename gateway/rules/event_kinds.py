"""The kinds of events, as rules name them; pure."""

from gateway.core.events import Event, Message, Notice, Status

EVENTS = ("message", "status", "echo", "standby", "history", "notice")
# From the phone of the business, where a person writes.
BY_HAND = "smb_message_echoes"
_NAMED = {
    BY_HAND: "echo", "message_echoes": "echo", "standby": "standby", "history": "history",
}  # fmt: skip


def kind_of(event: Event) -> str:
    """Name the kind of an event, "" for what no rule is asked about."""
    match event:
        case Message() | Status():
            return event.kind
        case Notice():
            return kind_of_field(event.field)
        case _:
            return ""


def kind_of_field(field: str) -> str:
    """Name the kind of what comes under a webhook field and is neither message nor status."""
    return _NAMED.get(field, "notice")
