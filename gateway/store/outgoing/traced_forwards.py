"""Forwards of one event as they are shown: to whom, and what became of each.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.forwards.forward import forward_id, receiver_of
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.outgoing.traced_posts import PostedAttempt, parse_attempts
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands


@dataclass(frozen=True, slots=True)
class TracedForward:
    """A forward and its latest attempts."""

    id: str
    receiver: str
    stage: str
    planned_at: datetime
    attempts: tuple[PostedAttempt, ...] = ()  # the latest twenty
    count: int = 0  # of all attempts
    error: str = ""  # of one that is a dead letter


def read_event_forwards(
    store: Store, number: str, event_key: str, planned: Sequence[str] = ()
) -> tuple[TracedForward, ...]:
    """Return what is stored of an event's forwards; of one that was received, for a day or so.

    `planned` are those of its record, notifications of rules among them.
    """
    prefix = keys.number(number)
    (receivers,) = run_commands(store, ("ZRANGE", f"{prefix}forwards", 0, -1))
    usual = (forward_id(event_key, name) for name in sorted(one.decode() for one in receivers))
    ids = list(dict.fromkeys((*usual, *planned)))
    rows = run_commands(store, *(("HGETALL", f"{prefix}forward:{one}") for one in ids))
    return tuple(
        _parse(id_, receiver_of(id_), row)
        for id_, row in zip(ids, rows, strict=True)
        if row.keys() >= {b"stage", b"planned"}
    )


def _parse(id_: str, receiver: str, row: Any) -> TracedForward:
    return TracedForward(
        id_,
        receiver,
        row[b"stage"].decode(),
        datetime_from_ms(row[b"planned"]),
        parse_attempts(row),
        int(row.get(b"attempts", 0)),
        row.get(b"error", b"").decode(errors="replace"),
    )
