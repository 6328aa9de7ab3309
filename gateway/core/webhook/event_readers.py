"""Readers that make one event of one item of a webhook, with its key; total.

The names are Meta's: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gateway.core.events import Delivery, Event, InternalEvent, Message, Notice, Status, Unreadable
from gateway.core.webhook import event_keys
from gateway.core.webhook.customers import (
    NOBODY,
    NOTHING,
    Customer,
    customer_keys,
    find_customer,
    integer,
    list_field,
    object_field,
    read_content,
    read_moment,
    text_field,
)
from gateway.core.webhook.salvage import Scanned, is_marred, is_torn

Raw = dict[str, Any]

# System messages from a customer's old name that give the new one. Older webhooks say customer_,
# and a change of the security code is no change of the name, whatever ids stand beside it.
_RENAMED = frozenset(
    f"{who}_changed_{what}" for who in ("user", "customer") for what in ("number", "user_id")
)


class Location(NamedTuple):
    """The place of an item: the facts that it does not hold itself."""

    delivery: Delivery
    entry: Mapping[str, Any] = NOTHING
    field: str = ""
    number: str = ""
    people: Mapping[str, Customer] = NOTHING
    value_key: str = ""  # only if the value has errors
    damage: str = ""  # why the body had to be read a second time
    our_phone: str = ""  # our number as Meta displays it


Reader = Callable[[Location, int, Raw], Event | None]


def read_event(reader: Reader, location: Location, item: int, raw: Any) -> Event:
    """Let `reader` make an event, or make an Unreadable of an item that it cannot identify."""
    if not isinstance(raw, dict):
        return _unreadable(location, item, raw, "not_an_object")
    if location.damage and is_torn(raw):
        return _unreadable(location, item, raw, location.damage)
    event = reader(location, item, raw)
    if event is None or (location.damage and _is_marred(event)):
        return _unreadable(location, item, raw, "no_identity")
    return event


def unreadable_body(delivery: Delivery, reason: str, item: int = 0) -> Unreadable:
    """Make an Unreadable of a whole body, which is known by its bytes."""
    key = event_keys.of_bytes("unreadable", delivery.body)
    fields = common_fields(Location(delivery), item, None)
    return Unreadable(key=key, **fields, reason=reason, source=delivery.body)


def message(location: Location, item: int, raw: Raw) -> Message | None:
    """Make a Message of an item of `messages`."""
    if not (wamid := text_field(raw, "id")):
        return None
    kind = text_field(raw, "type") or "unknown"
    content, tapped = read_content(kind, raw)
    sender = find_customer(
        location.people, text_field(raw, "from"), text_field(raw, "from_user_id")
    )
    now, before = (
        _current_and_former(sender, object_field(raw, kind)) if kind == "system" else (sender, ())
    )
    return Message(
        key=event_keys.join("message", location.number, wamid),
        **common_fields(location, item, raw, now, before),
        id=wamid,
        type=kind,
        text=content,
        tapped=tapped,
        name=sender.name,
        group=text_field(raw, "group_id"),
    )


def status(location: Location, item: int, raw: Raw) -> Status | None:
    """Make a Status of an item of `statuses`."""
    if not (parts := status_identity(raw)):
        return None
    errors = tuple(error for error in list_field(raw, "errors") if isinstance(error, dict))
    return Status(
        key=event_keys.join("status", location.number, *parts),
        **common_fields(
            location, item, raw, customer_of(location, raw, "recipient_id", "recipient_user_id")
        ),
        id=parts[0],
        status=parts[1],
        callback=text_field(raw, "biz_opaque_callback_data"),
        code=integer(errors[0].get("code")) if errors else None,
        errors=errors,
        participant=_participant(raw),
        pricing=object_field(raw, "pricing"),
    )


def internal_event(location: Location, item: int, raw: Raw) -> InternalEvent | None:
    """Make an InternalEvent of a delivery that the gateway put into the inbox itself."""
    what, key = text_field(raw, "what"), text_field(raw, "key")
    if not what or not key:
        return None
    fields = common_fields(location._replace(number=text_field(raw, "number")), item, raw)
    return InternalEvent(
        key=f"returned|{key}", **fields | {"contact": text_field(raw, "contact")}, what=what
    )


def common_fields(
    location: Location,
    item: int,
    raw: Any,
    person: Customer = NOBODY,
    before: Sequence[Customer] = (),
) -> dict[str, Any]:
    """Return the fields that all events have, without the key; `before` are former names."""
    keys = customer_keys(*before, person)
    return {
        "delivery": location.delivery.id,
        "item": item,
        "number": location.number,
        "contact": keys[0] if keys else "",
        "also": keys[1:],
        "wa_id": person.wa_id,
        "user_id": person.user_id,
        "at": _at(location, raw),
        "replayed": location.delivery.origin == "replay",
        "raw": raw,
    }


def status_identity(raw: Raw) -> tuple[str, ...]:
    """Return the message of a status, its stage and any participant; () if one is missing."""
    wamid, stage = text_field(raw, "id"), text_field(raw, "status")
    if not wamid or not stage:
        return ()
    # A message to a group has a status for each participant.
    participant = _participant(raw)
    return (wamid, stage, participant) if participant else (wamid, stage)


def _participant(raw: Raw) -> str:
    """Return the participant of a group that a status is about; "" for other statuses."""
    phone = text_field(raw, "recipient_participant_id")
    return phone or text_field(raw, "recipient_participant_user_id")


def _current_and_former(
    sender: Customer, system: Mapping[str, Any]
) -> tuple[Customer, tuple[Customer, ...]]:
    """Return the sender's present names, and the former ones if a system message changed them."""
    if text_field(system, "type") not in _RENAMED:
        return sender, ()
    # Meta's name of the new number was new_wa_id until version 12 of the Graph API.
    new = find_customer(
        NOTHING,
        text_field(system, "wa_id") or text_field(system, "new_wa_id"),
        text_field(system, "user_id"),
    )
    former = find_customer(
        NOTHING, text_field(system, "customer"), text_field(system, "previous_user_id")
    )
    now = Customer(new.wa_id or sender.wa_id, new.user_id or sender.user_id, sender.name)
    return now, (sender, former)


def customer_of(location: Location, raw: Raw, phone: str, user: str) -> Customer:
    """Return the customer whom two fields name; a group is not a customer."""
    if text_field(raw, "recipient_type") == "group" or text_field(raw, "group_id"):
        return NOBODY
    return find_customer(location.people, text_field(raw, phone), text_field(raw, user))


def _at(location: Location, raw: Any) -> datetime:
    received_at = location.delivery.received_at
    timestamp = raw.get("timestamp") if isinstance(raw, dict) else None
    at = read_moment(timestamp, received_at) or read_moment(location.entry.get("time"), received_at)
    return at or received_at


def _is_marred(event: Event) -> bool:
    """Say whether a part of an event's identity could not be read."""
    identifiers = [event.number, event.contact, *event.also]
    match event:
        case Message():
            identifiers += [event.id]
        case Status():
            identifiers += [event.id, event.status, event.participant]
        case Notice():
            identifiers += [event.field]
        case _:
            pass
    return any(map(is_marred, identifiers))


def _unreadable(location: Location, item: int, raw: Any, reason: str) -> Unreadable:
    source = location.delivery.body[raw.begins : raw.ends] if isinstance(raw, Scanned) else b""
    # Two torn items may read alike.
    torn = reason == location.damage
    key = (
        event_keys.of_bytes("unreadable", source)
        if torn
        else event_keys.of_content("unreadable", raw)
    )
    return Unreadable(key=key, **common_fields(location, item, raw), reason=reason, source=source)
