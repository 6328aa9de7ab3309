"""Stored form of a contact's state, as this release and others write it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
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
        # A release that knows no hand-over is silent for as long.
        "muted": _stamp(contact.silent_until),
        "hand_over": _pack_hand_over(contact),
        "used": contact.used,
        "unanswered": contact.unanswered,
        "volley": _pack_volley(contact.volley),
        # Apart from the volley, of which earlier releases write two numbers only.
        "repeated": _pack_repetition(contact.volley),
    }
    return orjson.dumps(state | {name: value for name, value in later.items() if value})


def unpack(key: str, version: bytes | None, state: bytes | None) -> Contact:
    """Return a contact as this release or another stored it; a new one if none was stored.

    A missing field reads as empty. Fields of another release are kept, and written back. A state
    without a version is what is left of a contact that was erased: the contact is a new one.
    """
    if not state:
        return Contact(key)
    stored = orjson.loads(state)
    take = stored.pop
    silence = _unpack_silence(take("muted", None), take("hand_over", None))
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
        muted_until=silence.muted_until,
        hand_over=silence.hand_over,
        used={rule: tuple(moments) for rule, moments in take("used", {}).items()},
        unanswered=tuple(take("unanswered", ())),
        volley=_unpack_volley(take("volley", None), take("repeated", None)),
        more=stored,
        version=version.decode() if version else "",
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


class _Silence(NamedTuple):
    muted_until: datetime | None
    hand_over: HandOver | None


def _pack_hand_over(contact: Contact) -> Sequence[Any]:
    """Return a hand-over, with the mute that is a rule's own; () if there is none."""
    if not (one := contact.hand_over):
        return ()
    return (_stamp(one.since), _stamp(one.until), one.cause, _stamp(contact.muted_until))


def _unpack_silence(muted: int | None, packed: Sequence[Any] | None) -> _Silence:
    """Return the mute and the hand-over, of which another release may have changed the mute."""
    if not packed or muted is None:
        return _Silence(_moment(muted), None)
    since, until, cause, own_mute, *_ = packed
    if muted != max(until, own_mute or 0):
        own_mute = muted
    return _Silence(
        _moment(own_mute), HandOver(datetime_from_ms(since), datetime_from_ms(until), cause)
    )


def _stamp(at: datetime | None) -> int | None:
    return ms_from_datetime(at) if at else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime_from_ms(stamp) if stamp is not None else None
