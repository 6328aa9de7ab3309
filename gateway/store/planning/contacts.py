"""What a batch has to know before it is planned: contacts, known events, and the server's time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import names
from gateway.core.contacts.loop_guard import Volley
from gateway.core.event_keys import digest
from gateway.core.events import Event
from gateway.core.planning.batch import PlanningInput
from gateway.store import keys
from gateway.store.redis.client import Call, ScriptError, Store


def load(store: Store, batches: Mapping[str, Sequence[Event]]) -> list[PlanningInput]:
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


def find(store: Store, number: str, name: str) -> Contact:
    """Return the contact that a name stands for. Raises StoreUnavailableError or ScriptError."""
    _, (key, version, state), _ = store.call("load", keys.number(number), 1, name)
    contact = _read(key, version, state)
    if isinstance(contact, str):
        raise ScriptError(f"a contact cannot be read: {contact}")
    return contact


def pack(contact: Contact) -> bytes:
    """Return a contact's state as it is stored; what is empty and came later is left out."""
    told: dict[str, Any] = {
        **contact.more,
        "wa_id": contact.wa_id,
        "user_id": contact.user_id,
        "name": contact.name,
        "last_inbound_at": _stamp(contact.last_inbound_at),
    }
    later = {
        "opted_out": _stamp(contact.opted_out_at),
        "asked": _stamp(contact.asked_at),
        "named": _stamp(contact.named_at),
        "aliases": contact.aliases,
        "tags": contact.tags,
        "vars": contact.vars,
        "muted": _stamp(contact.muted_until),
        "used": contact.used,
        "volley": _volley(contact.volley),
    }
    return orjson.dumps(told | {name: value for name, value in later.items() if value})


def unpack(key: str, version: bytes | None, state: bytes | None) -> Contact:
    """Return a contact as it was stored, by this release or another; a stranger where it was not.

    What is missing reads as empty. What another release wrote beside is kept, and written back.
    """
    if version is None or not state:
        return Contact(key)
    kept = orjson.loads(state)
    take = kept.pop
    return Contact(
        key=key,
        wa_id=take("wa_id", ""),
        user_id=take("user_id", ""),
        name=take("name", ""),
        last_inbound_at=_moment(take("last_inbound_at", None)),
        opted_out_at=_moment(take("opted_out", None)),
        asked_at=_moment(take("asked", None)),
        named_at=_moment(take("named", None)),
        aliases=tuple(take("aliases", ())),
        tags=tuple(take("tags", ())),
        vars=take("vars", {}),
        muted_until=_moment(take("muted", None)),
        used={rule: tuple(told) for rule, told in take("used", {}).items()},
        volley=_read_volley(take("volley", None)),
        more=kept,
        version=version.decode(),
    )


def _asked(number: str, events: Sequence[Event]) -> tuple[Call, list[str]]:
    contacts = list(dict.fromkeys(name for event in events for name in names(event)))
    digests = [digest(event.key) for event in events]
    return Call("load", keys.number(number), [len(contacts), *contacts, *digests]), contacts


def _view(number: str, events: Sequence[Event], contacts: list[str], reply: Any) -> PlanningInput:
    if isinstance(reply, Exception):
        raise reply
    now, rows, places = reply
    read, unreadable = _contacts(contacts, rows)
    known = dict(zip((event.key for event in events), places, strict=True))
    return PlanningInput(
        number=number,
        now=datetime.fromtimestamp(now / 1000, UTC),
        contacts=read,
        known=frozenset(key for key, place in known.items() if isinstance(place, bytes)),
        unreadable=unreadable
        | {key: "whether it is known cannot be read" for key, place in known.items() if place == 0},
    )


def _contacts(names: list[str], rows: list[Any]) -> tuple[dict[str, Contact], dict[str, str]]:
    """Return the contact of each name, and why that of a name cannot be read.

    The state of one that has several names came with the first.
    """
    found: dict[bytes, Contact | str] = {}
    for key, version, state in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        if key not in found:
            found[key] = _read(key, version, state)
    of_names = dict(zip(names, (found[key] for key in rows[::3]), strict=True))
    return (
        {name: one for name, one in of_names.items() if isinstance(one, Contact)},
        {name: one for name, one in of_names.items() if isinstance(one, str)},
    )


def _read(key: bytes, version: Any, state: Any) -> Contact | str:
    """Return a contact, or why it cannot be read; another release may have written it."""
    if version == 0:
        return str(state.decode(errors="replace"))
    try:
        return unpack(key.decode(), version, state)
    except Exception as error:  # whatever is odd about it must cost this contact only
        return f"its state raises {type(error).__name__}"


def _volley(volley: Volley | None) -> tuple[int | None, int] | None:
    return (_stamp(volley.replied_at), volley.quick) if volley else None


def _read_volley(told: list[int] | None) -> Volley | None:
    at = _moment(told[0]) if told else None
    return Volley(at, told[1]) if told and at else None


def _stamp(at: datetime | None) -> int | None:
    return int(at.timestamp() * 1000) if at else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime.fromtimestamp(stamp / 1000, UTC) if stamp is not None else None
