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

LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Taken:
    """The attempts to make, the server's time, and whether more is ready, and in how long."""

    attempts: list[Attempt]
    now: datetime
    more: bool
    wait_s: float


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
            now, wait, more, taken = self._store.call("pump", self._prefix, *args)
        except Exception:
            with self._lock:
                self._unsettled = settled + self._unsettled
                self._unanswered += [*lost, name]
            raise
        began = _moment(now)
        return Taken([_attempt(row, began) for row in taken], began, bool(more), wait / 1000)


def _attempt(row: list[Any], began: datetime) -> Attempt:
    send, number, planned, first, packed, rank, repeatable, expires, spent = row
    told = orjson.loads(packed)
    return Attempt(
        send=send.decode(),
        number=number,
        spent=int(spent),
        planned_at=_moment(planned),
        first_at=_moment(first),
        began_at=began,
        expires_at=_moment(expires),
        body=told["body"],
        rule=told["rule"],
        rank=rank.decode(),
        repeatable=repeatable == b"1",
    )


def _moment(milliseconds: bytes | int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
