"""Planning input: contacts, known events, and the server's time, read before a batch is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import contact_keys
from gateway.core.contacts.serialization import unpack
from gateway.core.events import Event
from gateway.core.planning.batch import PlanningInput
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.event_keys import digest
from gateway.store import keys
from gateway.store.planning.answered_campaigns import asked_events, find_call, parse_found
from gateway.store.redis.client import Call, ScriptError, Store


def load(store: Store, batches: Mapping[str, Sequence[Event]]) -> list[PlanningInput]:
    """Return the planning input for each number and its events, all in one round trip.

    Raises StoreUnavailableError or ScriptError.
    """
    prepared = [_load_call(number, events) for number, events in batches.items()]
    asked = {n: found for n, events in batches.items() if (found := asked_events(events))}
    calls = [find_call(number, events) for number, events in asked.items()]
    replies = store.call_many([*(call for call, _ in prepared), *calls])
    found_replies = zip(asked, replies[len(prepared) :], strict=True)
    campaigns = {number: parse_found(asked[number], reply) for number, reply in found_replies}
    return [
        replace(
            _planning_input(number, events, contacts, reply), campaigns=campaigns.get(number, {})
        )
        for (number, events), (_, contacts), reply in zip(
            batches.items(), prepared, replies[: len(prepared)], strict=True
        )
    ]


def find_contact(store: Store, number: str, name: str) -> Contact:
    """Return the contact that a name stands for. Raises StoreUnavailableError or ScriptError."""
    _, (key, version, state), _ = store.call("load", keys.number(number), 1, name)
    contact = _parse_contact(key, version, state)
    if isinstance(contact, str):
        raise ScriptError(f"a contact cannot be read: {contact}")
    return contact


def find_contacts(store: Store, number: str, names: Sequence[str]) -> dict[str, Contact]:
    """Return the contact of each name; one that cannot be read is a new one.

    The pump judges an unreadable contact before each post. Raises StoreUnavailableError or
    ScriptError.
    """
    names = list(dict.fromkeys(names))
    if not names:
        return {}
    _, rows, _ = store.call("load", keys.number(number), len(names), *names)
    contacts, unreadable = parse_contacts(names, rows)
    return {name: Contact(name) for name in unreadable} | contacts


def _load_call(number: str, events: Sequence[Event]) -> tuple[Call, list[str]]:
    contacts = list(dict.fromkeys(name for event in events for name in contact_keys(event)))
    digests = [digest(event.key) for event in events]
    return Call("load", keys.number(number), [len(contacts), *contacts, *digests]), contacts


def _planning_input(
    number: str, events: Sequence[Event], contacts: list[str], reply: Any
) -> PlanningInput:
    if isinstance(reply, Exception):
        raise reply
    now, rows, places = reply
    parsed, unreadable = parse_contacts(contacts, rows)
    known = dict(zip((event.key for event in events), places, strict=True))
    return PlanningInput(
        number=number,
        now=datetime_from_ms(now),
        contacts=parsed,
        known=frozenset(key for key, place in known.items() if isinstance(place, bytes)),
        unreadable=unreadable
        | {key: "whether it is known cannot be read" for key, place in known.items() if place == 0},
    )


def parse_contacts(names: list[str], rows: list[Any]) -> tuple[dict[str, Contact], dict[str, str]]:
    """Return the contact of each name, and why that of a name cannot be read.

    The state of a contact with several names came with the first of them.
    """
    by_key: dict[bytes, Contact | str] = {}
    for key, version, state in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        if key not in by_key:
            by_key[key] = _parse_contact(key, version, state)
    of_names = dict(zip(names, (by_key[key] for key in rows[::3]), strict=True))
    return (
        {name: one for name, one in of_names.items() if isinstance(one, Contact)},
        {name: one for name, one in of_names.items() if isinstance(one, str)},
    )


def _parse_contact(key: bytes, version: Any, state: Any) -> Contact | str:
    """Return a contact, or why it cannot be read; another release may have written it."""
    if version == 0:
        return str(state.decode(errors="replace"))
    try:
        return unpack(key.decode(), version, state)
    except Exception as error:  # any error in it must cost this contact only
        return f"its state raises {type(error).__name__}"
