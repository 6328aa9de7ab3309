"""Forwards that became dead letters: read from their rows, and let begin again.

All of it may raise StoreUnavailableError.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.core.dead_letters.dead_letter import DeadForward
from gateway.core.forwards.forward import receiver_of
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.outgoing.forwards import redrive_forward
from gateway.store.redis.client import Store

FORWARD = b"forward:"  # how such a dead letter is named in the list of its number


def to_dead_forward(
    id_: str, number: str, died_ms: int, row: Mapping[bytes, bytes], bodies: Bodies
) -> DeadForward | None:
    """Read the row of a forward; None if it is no dead letter any more."""
    if row.get(b"stage") != b"dead":
        return None
    copy = row.get(b"copy", b"")
    return DeadForward(
        id=id_,
        number=number,
        died_ms=died_ms,
        cause="not_received",
        code=None,
        error={"reason": row.get(b"error", b"").decode(errors="replace")},
        receiver=receiver_of(id_),
        contact=row.get(b"contact", b"").decode(errors="replace"),
        place=row.get(b"place", b"").decode(errors="replace"),
        attempts=int(row.get(b"attempts", 0)),
        has_copy=bool(copy),
        body=_read_copy(copy, bodies),
    )


def _read_copy(copy: bytes, bodies: Bodies) -> Any:
    """Return what is posted of it, None where there is none that opens here."""
    try:
        return orjson.loads(bodies.open(copy)) if copy else None
    except (UnknownRecordError, orjson.JSONDecodeError):
        return None


def redrive_dead_forward(store: Store, letter: DeadForward) -> bool:
    """Let its receiver get it after all; false if it is no longer as it was read."""
    return redrive_forward(store, letter.number, letter.receiver, letter.id, letter.died_ms)
