"""The kinds of events, as rules name them; pure."""

from gateway.core.events import Event, Message, Notice, Status

EVENTS = ("message", "status", "echo", "standby", "history", "notice")
# From the phone of the business, where a person writes.
SMB_ECHO_FIELD = "smb_message_echoes"
_KIND_BY_FIELD = {
    SMB_ECHO_FIELD: "echo", "message_echoes": "echo", "standby": "standby", "history": "history",
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
    return _KIND_BY_FIELD.get(field, "notice")
