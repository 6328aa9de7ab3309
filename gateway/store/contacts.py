"""What a batch has to know before it is planned: contacts, known events, and the server's time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.contacts import Contact
from gateway.core.events import Event
from gateway.core.keys import digest
from gateway.core.plan import View
from gateway.store import keys
from gateway.store.client import Call, Store


def load(store: Store, batches: Mapping[str, Sequence[Event]]) -> list[View]:
    """Return a view for each number and its events, all in one round trip.

    Raises StoreUnavailableError or ScriptError.
    """
    asked = [_asked(number, events) for number, events in batches.items()]
    replies = store.call_many([call for call, _ in asked])
    return [
        _view(number, events, contacts, reply)
        for (number, events), (_, contacts), reply in zip(
            batches.items(), asked, replies, strict=True
        )
    ]


def pack(contact: Contact) -> bytes:
    """Return a contact's state as it is stored."""
    last = contact.last_inbound_at
    return orjson.dumps(
        {
            "wa_id": contact.wa_id,
            "user_id": contact.user_id,
            "name": contact.name,
            "last_inbound_at": int(last.timestamp() * 1000) if last else None,
        }
    )


def _asked(number: str, events: Sequence[Event]) -> tuple[Call, list[str]]:
    contacts = list(dict.fromkeys(event.contact for event in events if event.contact))
    digests = [digest(event.key) for event in events]
    return Call("load", keys.number(number), [len(contacts), *contacts, *digests]), contacts


def _view(number: str, events: Sequence[Event], contacts: list[str], reply: Any) -> View:
    if isinstance(reply, Exception):
        raise reply
    now, rows, known = reply
    return View(
        number=number,
        now=datetime.fromtimestamp(now / 1000, UTC),
        contacts={
            key: unpack(key, version, state)
            for key, version, state in zip(contacts, rows[::2], rows[1::2], strict=True)
        },
        known=frozenset(
            event.key for event, place in zip(events, known, strict=True) if place is not None
        ),
    )


def unpack(key: str, version: bytes | None, state: bytes | None) -> Contact:
    """Return a contact from its stored state, a new one where there is none."""
    if version is None or not state:
        return Contact(key)
    kept = orjson.loads(state)
    last = kept["last_inbound_at"]
    return Contact(
        key=key,
        wa_id=kept["wa_id"],
        user_id=kept["user_id"],
        name=kept["name"],
        last_inbound_at=datetime.fromtimestamp(last / 1000, UTC) if last is not None else None,
        version=version.decode(),
    )
