"""Split a delivery into its events; pure and total: there are no bytes for which it raises.

A delivery is walked by entry and change down to the items of the lists that the change's field
bears. The walk finds a reader for each item, and the reader, told where the item stands, makes one
event of it. What has no identity becomes Unreadable and hurts no neighbour.

A body that is no JSON is read a second time, by a reader that leaves the damage where it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import orjson

from gateway.core import event_keys
from gateway.core.events import Delivery, Event, Unreadable
from gateway.core.webhook import damaged, event_readers, notice_readers
from gateway.core.webhook.customers import listed, people, text, within
from gateway.core.webhook.event_readers import Place, Reader
from gateway.core.webhook.salvage import Scanned, is_torn, salvage

# orjson reads 1,024 levels but writes 254, and what was read must be written again.
_SURELY_FLAT = 250

Lists = Mapping[str, tuple[tuple[str, Reader], ...]]
Found = tuple[Reader, Place, Any]

_ECHOES = (("message_echoes", notice_readers.by_id),)
_GROUPS = (("groups", notice_readers.by_content),)
_ERRORS = ("errors", notice_readers.value_error)

# The lists that a field bears. Only what customers send to us becomes a Message or a Status:
# echoes, history and standby must never start a rule.
_WHATSAPP: Lists = {
    "messages": (("messages", event_readers.message), ("statuses", event_readers.status), _ERRORS),
    "calls": (("calls", notice_readers.call), ("statuses", notice_readers.call), _ERRORS),
    "user_preferences": (("user_preferences", notice_readers.preference), _ERRORS),
    "message_echoes": _ECHOES,
    "smb_message_echoes": _ECHOES,
    "smb_app_state_sync": (("state_sync", notice_readers.by_content),),
    "history": (
        ("messages", notice_readers.by_id),
        ("history", notice_readers.by_content),
        _ERRORS,
    ),
    "standby": (
        ("messages", notice_readers.by_id),
        ("message_echoes", notice_readers.by_id),
        ("statuses", notice_readers.by_status),
    ),
    "automatic_events": (("automatic_events", notice_readers.by_content),),
    "group_lifecycle_update": _GROUPS,
    "group_participants_update": _GROUPS,
    "group_settings_update": _GROUPS,
    "group_status_update": _GROUPS,
}
_OBJECTS: Mapping[str, Lists] = {
    "whatsapp_business_account": _WHATSAPP,
    "page": {},
    "instagram": {},
}


def split(delivery: Delivery) -> list[Event]:
    """Return the events of a delivery in Meta's order; there is always at least one."""
    try:
        body = _parse(delivery.body)
    except orjson.JSONDecodeError:
        return _split_damaged(delivery, "not_json")
    except orjson.JSONEncodeError:
        return _split_damaged(delivery, "too_deep")
    if not isinstance(body, dict):
        return [event_readers.unparsed(delivery, "not_an_object")]
    whole = Place(delivery)
    events: list[Event] = []
    for reader, place, raw in _walk(whole, body):
        events.append(event_readers.read(reader, place, len(events), raw))
    return events or [notice_readers.whole(whole._replace(field="empty"), 0, body)]


def _split_damaged(delivery: Delivery, reason: str) -> list[Event]:
    """Return the events of a body that is no JSON, as they would be without the damage.

    What no item of it can stand for is told by one Unreadable of the whole body, the last event.
    """
    documents = salvage(delivery.body)
    whole = Place(delivery, damage=reason)
    events: list[Event] = []
    for body in documents:
        if isinstance(body, Scanned) and (len(documents) == 1 or _is_known(body.get("object"))):
            for reader, place, raw in _walk(whole, body):
                events.append(event_readers.read(reader, place, len(events), raw))
    unread = [event for event in events if isinstance(event, Unreadable)]
    if len(events) == len(unread) < 2:
        return [event_readers.unparsed(delivery, reason)]
    is_told = len(documents) == 1 and any(event.reason == reason for event in unread)
    if not is_told and (len(documents) > 1 or is_torn(documents)):
        events.append(event_readers.unparsed(delivery, reason, len(events)))
    return events


def _parse(body: bytes) -> Any:
    parsed = orjson.loads(body)
    if body.count(b"[") + body.count(b"{") > _SURELY_FLAT:
        orjson.dumps(parsed)
    return parsed


def _walk(whole: Place, body: dict[str, Any]) -> Iterator[Found]:
    kind = body.get("object")
    if whole.delivery.origin == "internal":
        yield event_readers.returned, whole, body
    elif _is_known(kind):
        for entry in listed(body, "entry"):
            yield from _entry(whole, entry, _OBJECTS[kind])
    else:
        field = kind if isinstance(kind, str) else "unknown object"
        yield notice_readers.whole, whole._replace(field=field), body


def _is_known(kind: Any) -> TypeGuard[str]:
    return isinstance(kind, str) and kind in _OBJECTS


def _entry(whole: Place, entry: Any, lists: Lists) -> Iterator[Found]:
    if not isinstance(entry, dict):
        yield notice_readers.change, whole, entry
        return
    place = whole._replace(entry=entry)
    for change in listed(entry, "changes"):
        yield from _change(place, change, lists)
    for field in ("messaging", "standby"):
        for raw in listed(entry, field):
            yield notice_readers.messaging, place._replace(field=field), raw


def _change(entry: Place, change: Any, lists: Lists) -> Iterator[Found]:
    if not isinstance(change, dict):
        yield notice_readers.change, entry, change
        return
    said, value = change.get("field"), within(change, "value")
    field = said if isinstance(said, str) else ""
    number = text(within(value, "metadata"), "phone_number_id")
    if entry.damage:
        trusted = damaged.field_of(change)
        if trusted is None:
            yield damaged.unread, entry, change
            return
        field = trusted
    bears = within(value, "standby") if field == "standby" else value
    # Made once, for a value may bear a thousand errors.
    value_key = event_keys.of_content(field, value) if value.get("errors") else ""
    place = Place(
        entry.delivery, entry.entry, field, number, people(bears), value_key, entry.damage
    )
    is_silent = True
    for name, reader in lists.get(field, ()):
        for raw in listed(bears, name):
            is_silent = False
            yield reader, place, raw
    if is_silent:
        yield notice_readers.change, place, change
