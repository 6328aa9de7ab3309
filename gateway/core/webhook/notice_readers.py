"""Make a Notice of what Meta tells beside messages and statuses, known by a key; pure and total.

A Notice starts only rules that name its kind: echoes, history and standby are what others wrote or
may answer.
"""

from typing import Any

from gateway.core import event_keys
from gateway.core.events import Event, Notice
from gateway.core.webhook.customers import NOBODY, Customer, customer, text, within
from gateway.core.webhook.event_readers import Place, Raw, reached, stands, whom


def by_id(place: Place, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a message that another field may bring again under the same id."""
    wamid = text(raw, "id")
    recipient = whom(place, raw, "to", "to_user_id")  # in echoes only
    return _notice(place, item, raw, _key(place, wamid), recipient) if wamid else None


def by_status(place: Place, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a status that belongs to another app."""
    parts = reached(raw)
    recipient = whom(place, raw, "recipient_id", "recipient_user_id")
    return _notice(place, item, raw, _key(place, *parts), recipient) if parts else None


def by_content(place: Place, item: int, raw: Raw) -> Notice:
    """Make a Notice of an item that has no id of its own."""
    content = (place.entry.get("id"), place.number, raw)
    return _notice(place, item, raw, event_keys.of_content(place.field, content))


def call(place: Place, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a call that rings, begins or ends."""
    if not (wacid := text(raw, "id")):
        return None
    key = event_keys.join("call", place.number, wacid, text(raw, "event") or text(raw, "status"))
    return _notice(place, item, raw, key, whom(place, raw, "recipient_id", "recipient_user_id"))


def preference(place: Place, item: int, raw: Raw) -> Notice | None:
    """Make a Notice of a customer who stops or resumes marketing messages."""
    if not (user := text(raw, "wa_id") or text(raw, "user_id")):
        return None
    said = (text(raw, name) for name in ("category", "value", "timestamp"))
    return _notice(place, item, raw, _key(place, user, *said), whom(place, raw, "wa_id", "user_id"))


def value_error(place: Place, item: int, raw: Raw) -> Notice:
    """Make a Notice of an item of `errors`, which has neither time nor id.

    The value it came with is part of its key: the same error beside other items is another one.
    """
    key = event_keys.of_content("errors", (place.number, raw, place.value_key))
    return _notice(place._replace(field="errors"), item, raw, key)


def change(place: Place, item: int, raw: Raw) -> Notice:
    """Make a Notice of a whole change; the time of its entry tells it from an equal one."""
    value = raw.get("value")
    content = (place.entry.get("id"), place.entry.get("time"), place.field, value)
    return _notice(place, item, value, event_keys.of_content(place.field, content))


def messaging(place: Place, item: int, raw: Raw) -> Notice:
    """Make a Notice of what happened in a Messenger or Instagram conversation.

    Only what brings a message has an id: reads and reactions name the message they are about, and
    one that was taken back comes under the id it had.
    """
    for name in ("message", "postback"):
        said = within(raw, name)
        if (mid := text(said, "mid")) and not said.get("is_deleted"):
            key = event_keys.join(place.field, text(place.entry, "id"), mid)
            return _notice(place, item, raw, key)
    return by_content(place, item, raw)


def whole(place: Place, item: int, raw: Raw) -> Notice:
    """Make a Notice of a whole body that Meta signed and we know nothing about."""
    return _notice(place, item, raw, event_keys.of_bytes(place.field, place.delivery.body))


def _notice(place: Place, item: int, raw: Any, key: str, about: Customer = NOBODY) -> Notice:
    if about == NOBODY:
        about = customer(place.people)
    return Notice(key=key, **stands(place, item, raw, about), field=place.field)


def _key(place: Place, *parts: str) -> str:
    return event_keys.join(place.field, place.number, *parts)


UPGRADED = 1_000


def granted(event: Event) -> int | None:
    """Return how many messages a second a number may send from now on, None where nothing is said.

    Meta names the number by its digits only, not by its id (webhook phone_number_quality_update):
    https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
    """
    match event:
        case Notice(field="phone_number_quality_update", raw={"event": "THROUGHPUT_UPGRADE"}):
            return UPGRADED
        case _:
            return None
