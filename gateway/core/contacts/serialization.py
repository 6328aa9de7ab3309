"""Stored form of a contact's state, as this release and others write it."""

from datetime import datetime
from typing import Any

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.loop_guard import Repetition, Volley
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime


def pack(contact: Contact) -> bytes:
    """Return a contact's state as it is stored; empty fields of later releases are left out."""
    state: dict[str, Any] = {
        **contact.more,
        "wa_id": contact.wa_id,
        "user_id": contact.user_id,
        "name": contact.name,
        "last_inbound_at": _stamp(contact.last_inbound_at),
    }
    later = {
        "called": _stamp(contact.called_at),
        "opted_out": _stamp(contact.opted_out_at),
        "asked": _stamp(contact.consent_at),
        "named": _stamp(contact.named_at),
        "aliases": contact.aliases,
        "tags": contact.tags,
        "vars": contact.vars,
        "muted": _stamp(contact.muted_until),
        "used": contact.used,
        "volley": _pack_volley(contact.volley),
        # Apart from the volley, of which earlier releases write two numbers only.
        "repeated": _pack_repetition(contact.volley),
    }
    return orjson.dumps(state | {name: value for name, value in later.items() if value})


def unpack(key: str, version: bytes | None, state: bytes | None) -> Contact:
    """Return a contact as this release or another stored it; a new one if none was stored.

    A missing field reads as empty. Fields of another release are kept, and written back.
    """
    if version is None or not state:
        return Contact(key)
    stored = orjson.loads(state)
    take = stored.pop
    return Contact(
        key=key,
        wa_id=take("wa_id", ""),
        user_id=take("user_id", ""),
        name=take("name", ""),
        last_inbound_at=_moment(take("last_inbound_at", None)),
        called_at=_moment(take("called", None)),
        opted_out_at=_moment(take("opted_out", None)),
        consent_at=_moment(take("asked", None)),
        named_at=_moment(take("named", None)),
        aliases=tuple(take("aliases", ())),
        tags=tuple(take("tags", ())),
        vars=take("vars", {}),
        muted_until=_moment(take("muted", None)),
        used={rule: tuple(moments) for rule, moments in take("used", {}).items()},
        volley=_unpack_volley(take("volley", None), take("repeated", None)),
        more=stored,
        version=version.decode(),
    )


def _pack_volley(volley: Volley | None) -> tuple[int | None, int] | None:
    return (_stamp(volley.replied_at), volley.quick) if volley else None


def _pack_repetition(volley: Volley | None) -> tuple[str, int | None, int] | None:
    repeated = volley.repeated if volley else None
    return (repeated.digest, _stamp(repeated.since), repeated.times) if repeated else None


def _unpack_volley(packed: list[int] | None, repeated: list[Any] | None) -> Volley | None:
    at = _moment(packed[0]) if packed else None
    return Volley(at, packed[1], _unpack_repetition(repeated)) if packed and at else None


def _unpack_repetition(packed: list[Any] | None) -> Repetition | None:
    since = _moment(packed[1]) if packed else None
    return Repetition(packed[0], since, packed[2]) if packed and since else None


def _stamp(at: datetime | None) -> int | None:
    return ms_from_datetime(at) if at else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime_from_ms(stamp) if stamp is not None else None
