"""Readers that make a Notice of any webhook but messages and statuses, with its key; total.

A Notice starts only rules that name its kind: echoes, history and standby are messages that others
wrote or may answer.
"""

from datetime import timedelta
from typing import Any

from gateway.core.events import Event, Notice
from gateway.core.webhook import event_keys
from gateway.core.webhook.customers import NOBODY, Customer, find_customer, object_field, text_field
from gateway.core.webhook.event_readers import (
    Location,
    Raw,
    common_fields,
    customer_of,
    status_identity,
)


def by_id(location: Location, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a message that may come again in another field under the same id."""
    wamid = text_field(raw, "id")
    recipient = customer_of(location, raw, "to", "to_user_id")  # in echoes only
    return _notice(location, item, raw, _key(location, wamid), recipient) if wamid else None


def by_status(location: Location, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a status that belongs to another app."""
    parts = status_identity(raw)
    recipient = customer_of(location, raw, "recipient_id", "recipient_user_id")
    return _notice(location, item, raw, _key(location, *parts), recipient) if parts else None


def by_content(location: Location, item: int, raw: Raw) -> Notice:
    """Make a Notice of an item that has no id of its own."""
    content = (location.entry.get("id"), location.number, raw)
    return _notice(location, item, raw, event_keys.of_content(location.field, content))


def preference(location: Location, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a customer's choice to stop or resume marketing messages."""
    if not (user := text_field(raw, "wa_id") or text_field(raw, "user_id")):
        return None
    parts = (text_field(raw, name) for name in ("category", "value", "timestamp"))
    return _notice(
        location,
        item,
        raw,
        _key(location, user, *parts),
        customer_of(location, raw, "wa_id", "user_id"),
    )


def value_error(location: Location, item: int, raw: Raw) -> Notice:
    """Make a Notice of an item of `errors`, which has neither time nor id.

    The value around it is part of its key: the same error beside other items is another one.
    """
    key = event_keys.of_content("errors", (location.number, raw, location.value_key))
    return _notice(location._replace(field="errors"), item, raw, key)


def change(location: Location, item: int, raw: Raw) -> Notice:
    """Make a Notice of a whole change; the time of its entry distinguishes it from an equal one."""
    value = raw.get("value")
    content = (location.entry.get("id"), location.entry.get("time"), location.field, value)
    return _notice(location, item, value, event_keys.of_content(location.field, content))


def messaging(location: Location, item: int, raw: Raw) -> Notice:
    """Make a Notice of an event in a Messenger or Instagram conversation.

    Only an event with a message has an id: reads and reactions name the message they are about,
    and a message that was deleted comes under the id it had.
    """
    for name in ("message", "postback"):
        content = object_field(raw, name)
        if (mid := text_field(content, "mid")) and not content.get("is_deleted"):
            key = event_keys.join(location.field, text_field(location.entry, "id"), mid)
            return _notice(location, item, raw, key)
    return by_content(location, item, raw)


def whole_body(location: Location, item: int, raw: Raw) -> Notice:
    """Make a Notice of a whole body that Meta signed and whose kind is unknown."""
    return _notice(location, item, raw, event_keys.of_bytes(location.field, location.delivery.body))


def _notice(location: Location, item: int, raw: Any, key: str, about: Customer = NOBODY) -> Notice:
    if about == NOBODY:
        about = find_customer(location.people)
    waba = text_field(location.entry, "id")
    fields = common_fields(location, item, raw, about)
    return Notice(key=key, **fields, field=location.field, waba=waba)


def _key(location: Location, *parts: str) -> str:
    return event_keys.join(location.field, location.number, *parts)


UPGRADED = 1_000
# A notice that comes later than this after its moment was held up somewhere: what began since knows
# nothing of it. Meta's clock and ours may differ by so much.
IN_TIME = timedelta(seconds=60)


def throughput_upgrade(event: Event) -> int | None:
    """Return the messages a second that a number may send from now on, None for other events.

    Meta names the number by its digits only, not by its id (webhook phone_number_quality_update):
    https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
    """
    match event:
        case Notice(field="phone_number_quality_update", raw={"event": "THROUGHPUT_UPGRADE"}):
            return UPGRADED
        case _:
            return None


def quality_flag(event: Event) -> bool | None:
    """Say whether a notice flags its number (its quality is low) or ends that; None otherwise.

    https://developers.facebook.com/docs/whatsapp/guides/how-to-monitor-quality-signals
    """
    match event:
        case Notice(field="phone_number_quality_update", raw={"event": "FLAGGED"}):
            return True
        case Notice(field="phone_number_quality_update", raw={"event": "UNFLAGGED"}):
            return False
        case _:
            return None


def noticed_phone(event: Event) -> str:
    """Return the phone number that a notice of its throughput or quality names, "" for none."""
    return text_field(event.raw, "display_phone_number") if isinstance(event.raw, dict) else ""
