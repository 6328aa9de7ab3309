"""Parser that splits a delivery into its events; total: there are no bytes for which it raises.

It walks a delivery by entry and change down to the items of the lists that the change's field has.
The walk finds a reader for each item, and the reader makes one event of the item and its location.
An item without identity becomes Unreadable and does not affect its neighbours.

A body that is no JSON is read a second time, by a reader that confines the damage.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import orjson

from gateway.core.events import Delivery, Event, Unreadable
from gateway.core.webhook import calls, damaged, event_keys, event_readers, notice_readers
from gateway.core.webhook.customers import list_field, named_customers, object_field, text_field
from gateway.core.webhook.event_readers import Location, Reader
from gateway.core.webhook.salvage import Scanned, is_torn, salvage

# orjson reads 1,024 levels but writes 254, and a parsed body must be written again.
_SURELY_FLAT = 250

Lists = Mapping[str, tuple[tuple[str, Reader], ...]]
WalkItem = tuple[Reader, Location, Any]

_ECHOES = (("message_echoes", notice_readers.by_id),)
_GROUPS = (("groups", notice_readers.by_content),)
_ERRORS = ("errors", notice_readers.value_error)

# The lists of each field. Only webhooks of `messages` become a Message or a Status: echoes, history
# and standby must never start a rule.
_WHATSAPP: Lists = {
    "messages": (("messages", event_readers.message), ("statuses", event_readers.status), _ERRORS),
    "calls": (("calls", calls.call), ("statuses", calls.call), _ERRORS),
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
        return [event_readers.unreadable_body(delivery, "not_an_object")]
    whole = Location(delivery)
    events: list[Event] = []
    for reader, location, raw in _walk(whole, body):
        events.append(event_readers.read_event(reader, location, len(events), raw))
    return events or [notice_readers.whole_body(whole._replace(field="empty"), 0, body)]


def list_raw_items(delivery: Delivery, body: dict[str, Any]) -> list[Any]:
    """Return the parts of a parsed body of which `split` makes events, in the same order."""
    return [raw for _, _, raw in _walk(Location(delivery), body)] or [body]


def _split_damaged(delivery: Delivery, reason: str) -> list[Event]:
    """Return the events of a body that is no JSON, as they would be without the damage.

    Damage that no item shows is reported by one Unreadable of the whole body, the last event.
    """
    documents = salvage(delivery.body)
    whole = Location(delivery, damage=reason)
    events: list[Event] = []
    for body in documents:
        if isinstance(body, Scanned) and (len(documents) == 1 or _is_known(body.get("object"))):
            for reader, location, raw in _walk(whole, body):
                events.append(event_readers.read_event(reader, location, len(events), raw))
    unread = [event for event in events if isinstance(event, Unreadable)]
    if len(events) == len(unread) < 2:
        return [event_readers.unreadable_body(delivery, reason)]
    is_reported = len(documents) == 1 and any(event.reason == reason for event in unread)
    if not is_reported and (len(documents) > 1 or is_torn(documents)):
        events.append(event_readers.unreadable_body(delivery, reason, len(events)))
    return events


def _parse(body: bytes) -> Any:
    parsed = orjson.loads(body)
    if body.count(b"[") + body.count(b"{") > _SURELY_FLAT:
        orjson.dumps(parsed)
    return parsed


def _walk(whole: Location, body: dict[str, Any]) -> Iterator[WalkItem]:
    kind = body.get("object")
    if whole.delivery.origin == "internal":
        yield event_readers.internal_event, whole, body
    elif _is_known(kind):
        for entry in list_field(body, "entry"):
            yield from _walk_entry(whole, entry, _OBJECTS[kind])
    else:
        field = kind if isinstance(kind, str) else "unknown object"
        yield notice_readers.whole_body, whole._replace(field=field), body


def _is_known(kind: Any) -> TypeGuard[str]:
    return isinstance(kind, str) and kind in _OBJECTS


def _walk_entry(whole: Location, entry: Any, lists: Lists) -> Iterator[WalkItem]:
    if not isinstance(entry, dict):
        yield notice_readers.change, whole, entry
        return
    location = whole._replace(entry=entry)
    for change in list_field(entry, "changes"):
        yield from _walk_change(location, change, lists)
    for field in ("messaging", "standby"):
        for raw in list_field(entry, field):
            yield notice_readers.messaging, location._replace(field=field), raw


def _walk_change(entry_location: Location, change: Any, lists: Lists) -> Iterator[WalkItem]:
    if not isinstance(change, dict):
        yield notice_readers.change, entry_location, change
        return
    raw_field, value = change.get("field"), object_field(change, "value")
    field = raw_field if isinstance(raw_field, str) else ""
    number = text_field(object_field(value, "metadata"), "phone_number_id")
    if entry_location.damage:
        trusted = damaged.trusted_field(change)
        if trusted is None:
            yield damaged.unreadable_change, entry_location, change
            return
        field = trusted
    holder = object_field(value, "standby") if field == "standby" else value
    # Made once, because a value may have a thousand errors.
    value_key = event_keys.of_content(field, value) if value.get("errors") else ""
    location = Location(
        entry_location.delivery,
        entry_location.entry,
        field,
        number,
        named_customers(holder),
        value_key,
        entry_location.damage,
        text_field(object_field(value, "metadata"), "display_phone_number"),
    )
    is_silent = True
    for name, reader in lists.get(field, ()):
        for raw in list_field(holder, name):
            is_silent = False
            yield reader, location, raw
    if is_silent:
        yield notice_readers.change, location, change
