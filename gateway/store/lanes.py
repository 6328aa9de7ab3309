"""Lanes as senders see them: take attempts to make, settle what became of them."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.outcome import Attempt, Outcome
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.contacts import unpack

LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Taken:
    """The attempts to make, the server's time, and whether more is ready, and in how long."""

    attempts: list[Attempt]
    now: datetime
    more: bool
    wait_s: float
    probes: bool  # the number is paused, and its one attempt shows whether it still has to be
    resumed: str  # why it was paused, where an attempt showed that it need not be any longer


class Lanes:
    """The sends of one number, shared by the pumps of one process."""

    def __init__(self, store: Store, number: str, per_second: int) -> None:
        """Name the number and how many messages a second Meta grants it."""
        self._store = store
        self._prefix = keys.number(number)
        self._per_second = per_second
        self._lock = threading.Lock()
        self._unsettled: list[Outcome] = []
        self._unanswered: list[str] = []

    def pump(self, outcomes: Sequence[Outcome], most: int) -> Taken:
        """Settle `outcomes`, then take up to `most` attempts, in one script call.

        Raises StoreUnavailableError. What was to be settled then goes with this process's next
        call, which also gives back what the lost call may have taken: nothing of it was posted.
        """
        name = secrets.token_hex(6)
        with self._lock:
            settled, self._unsettled = [*self._unsettled, *outcomes], []
            lost, self._unanswered = self._unanswered, []
        args: list[Any] = [LEASE_MS, most, self._per_second, name, ",".join(lost)]
        for one in settled:
            args += [one.send, one.attempt, one.step, one.wamid, one.wait_ms, one.error, one.note]
        try:
            answer = self._store.call("pump", self._prefix, *args)
        except Exception:
            with self._lock:
                self._unsettled = settled + self._unsettled
                self._unanswered += [*lost, name]
            raise
        now, wait, more, probes, resumed, taken = answer
        began = _moment(now)
        attempts = [_attempt(row, began) for row in taken]
        return Taken(attempts, began, bool(more), wait / 1000, bool(probes), resumed.decode())


def _attempt(row: list[Any], began: datetime) -> Attempt:
    send, number, planned, first, packed, rank, repeatable, expires, spent, *more = row
    closed, instead, pair_refusals, contact, state = more
    told = orjson.loads(packed)
    return Attempt(
        send=send.decode(),
        number=number,
        planned_at=_moment(planned),
        first_at=_moment(first),
        began_at=began,
        expires_at=_moment(expires),
        body=told["instead"] if instead else told["body"],
        rule=told["rule"],
        rank=rank.decode(),
        repeatable=repeatable == b"1",
        contact=unpack(contact.decode(), b"", state),
        marketing=told.get("marketing", False),
        closed="" if instead else closed.decode(),
        spent=int(spent),
        pair_refusals=int(pair_refusals),
    )


def _moment(milliseconds: bytes | int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
