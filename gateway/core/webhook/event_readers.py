"""Make one event of one item of a webhook, with the key under which it is known; pure and total.

The names are Meta's: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gateway.core import event_keys
from gateway.core.events import Delivery, Event, InternalEvent, Message, Notice, Status, Unreadable
from gateway.core.webhook.customers import (
    NOBODY,
    NOTHING,
    Customer,
    customer,
    integer,
    keys_of,
    listed,
    moment,
    text,
    within,
    words,
)
from gateway.core.webhook.salvage import Scanned, is_marred, is_torn

Raw = dict[str, Any]

# System messages that come from a name and tell the one that takes its place.
_RENAMED = frozenset({"user_changed_number", "user_changed_user_id"})


class Place(NamedTuple):
    """Where an item stands: what it does not say itself."""

    delivery: Delivery
    entry: Mapping[str, Any] = NOTHING
    field: str = ""
    number: str = ""
    people: Mapping[str, Customer] = NOTHING
    value_key: str = ""  # only where the value bears errors
    damage: str = ""  # why the body had to be read a second time


Reader = Callable[[Place, int, Raw], Event | None]


def read(reader: Reader, place: Place, item: int, raw: Any) -> Event:
    """Let `reader` make an event, and make an Unreadable of what it cannot tell apart."""
    if not isinstance(raw, dict):
        return _unreadable(place, item, raw, "not_an_object")
    if place.damage and is_torn(raw):
        return _unreadable(place, item, raw, place.damage)
    event = reader(place, item, raw)
    if event is None or (place.damage and _is_marred(event)):
        return _unreadable(place, item, raw, "no_identity")
    return event


def unparsed(delivery: Delivery, reason: str, item: int = 0) -> Unreadable:
    """Make an Unreadable of a whole body, which is known by its bytes."""
    key = event_keys.of_bytes("unreadable", delivery.body)
    fields = stands(Place(delivery), item, None)
    return Unreadable(key=key, **fields, reason=reason, source=delivery.body)


def message(place: Place, item: int, raw: Raw) -> Message | None:
    """Make a Message of an item of `messages`."""
    if not (wamid := text(raw, "id")):
        return None
    kind = text(raw, "type") or "unknown"
    said, tapped = words(kind, raw)
    sender = customer(place.people, text(raw, "from"), text(raw, "from_user_id"))
    now, before = _names(sender, within(raw, kind)) if kind == "system" else (sender, ())
    return Message(
        key=event_keys.join("message", place.number, wamid),
        **stands(place, item, raw, now, before),
        id=wamid,
        type=kind,
        text=said,
        tapped=tapped,
        name=sender.name,
        group=text(raw, "group_id"),
    )


def status(place: Place, item: int, raw: Raw) -> Status | None:
    """Make a Status of an item of `statuses`."""
    if not (parts := reached(raw)):
        return None
    errors = tuple(error for error in listed(raw, "errors") if isinstance(error, dict))
    return Status(
        key=event_keys.join("status", place.number, *parts),
        **stands(place, item, raw, whom(place, raw, "recipient_id", "recipient_user_id")),
        id=parts[0],
        status=parts[1],
        callback=text(raw, "biz_opaque_callback_data"),
        code=integer(errors[0].get("code")) if errors else None,
        errors=errors,
        participant=_participant(raw),
        pricing=within(raw, "pricing"),
    )


def returned(place: Place, item: int, raw: Raw) -> InternalEvent | None:
    """Make a Returned of what we put back into the inbox ourselves."""
    what, key = text(raw, "what"), text(raw, "key")
    if not what or not key:
        return None
    ours = stands(place._replace(number=text(raw, "number")), item, raw)
    return InternalEvent(
        key=f"returned|{key}", **ours | {"contact": text(raw, "contact")}, what=what
    )


def stands(
    place: Place, item: int, raw: Any, person: Customer = NOBODY, before: Sequence[Customer] = ()
) -> dict[str, Any]:
    """Return the fields that all events have, without the key; `before` are former names."""
    called = keys_of(*before, person)
    return {
        "delivery": place.delivery.id,
        "item": item,
        "number": place.number,
        "contact": called[0] if called else "",
        "also": called[1:],
        "wa_id": person.wa_id,
        "user_id": person.user_id,
        "at": _at(place, raw),
        "replayed": place.delivery.origin == "replay",
        "raw": raw,
    }


def reached(raw: Raw) -> tuple[str, ...]:
    """Return which message a status is about, how far it got and with whom; () if it says not."""
    wamid, stage = text(raw, "id"), text(raw, "status")
    if not wamid or not stage:
        return ()
    # A message to a group has a status for each participant.
    participant = _participant(raw)
    return (wamid, stage, participant) if participant else (wamid, stage)


def _participant(raw: Raw) -> str:
    """Return whom of a group a status is about; only groups name one."""
    found = text(raw, "recipient_participant_id")
    return found or text(raw, "recipient_participant_user_id")


def _names(sender: Customer, system: Mapping[str, Any]) -> tuple[Customer, tuple[Customer, ...]]:
    """Return what the sender is called, and what they were where they changed that."""
    if text(system, "type") not in _RENAMED:
        return sender, ()
    wa_id, user_id = text(system, "wa_id"), text(system, "user_id")
    now = Customer(wa_id or sender.wa_id, user_id or sender.user_id, sender.name)
    return now, (sender, Customer("", text(system, "previous_user_id")))


def whom(place: Place, raw: Raw, phone: str, user: str) -> Customer:
    """Return the customer whom two fields name; a group is nobody's name."""
    if text(raw, "recipient_type") == "group" or text(raw, "group_id"):
        return NOBODY
    return customer(place.people, text(raw, phone), text(raw, user))


def _at(place: Place, raw: Any) -> datetime:
    received_at = place.delivery.received_at
    said = raw.get("timestamp") if isinstance(raw, dict) else None
    at = moment(said, received_at) or moment(place.entry.get("time"), received_at)
    return at or received_at


def _is_marred(event: Event) -> bool:
    """Say whether something that an event is told apart by could not be read."""
    told = [event.number, event.contact, *event.also]
    match event:
        case Message():
            told += [event.id]
        case Status():
            told += [event.id, event.status, event.participant]
        case Notice():
            told += [event.field]
        case _:
            pass
    return any(map(is_marred, told))


def _unreadable(place: Place, item: int, raw: Any, reason: str) -> Unreadable:
    source = place.delivery.body[raw.begins : raw.ends] if isinstance(raw, Scanned) else b""
    # What is torn may read like another that is torn.
    torn = reason == place.damage
    key = (
        event_keys.of_bytes("unreadable", source)
        if torn
        else event_keys.of_content("unreadable", raw)
    )
    return Unreadable(key=key, **stands(place, item, raw), reason=reason, source=source)
