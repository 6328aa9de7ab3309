"""Forwards as they are stored: taken under a lease, settled, and controlled by the operator.

A row refers to the delivery that holds its event, so trimming passes that only afterwards
(`store/maintenance/references.py`). Every function may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from gateway.core.forwards.forward import LASTS, ROW_BYTES, Forward
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.sending.lanes import Damage, parse_damages
from gateway.store.sending.lookup import run_commands

# Longer than a post may last, and than it takes to settle it in a store far away.
LEASE_MS = 60_000
# A receiver that failed so often in a row gets one post at a time, with growing pauses between.
FAILURES_IN_A_ROW = 5
# Forwards of one delivery and customer that Meta's form posts together.
MOST_TOGETHER = 100

ForwardStep = Literal["delivered", "later", "dead", "gone"]
ReceiverHealth = Literal["up", "down", ""]


@dataclass(frozen=True, slots=True)
class WaitingForward:
    """A forward as its row has it; `copy` is what is posted of one that was dead before."""

    id: str
    place: str
    attempt: int = 0
    copy: bytes = field(default=b"", repr=False)

    @property
    def delivery(self) -> str:
        """Return the delivery that it refers to."""
        return self.place.rpartition("/")[0]

    @property
    def item(self) -> int:
        """Return the position of its event in that delivery."""
        return int(self.place.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class TakenForwards:
    """The attempts that begin, and when the receiver has something to do again."""

    now: datetime
    next_at: datetime | None
    failures: int  # of the receiver, in a row
    damaged: tuple[Damage, ...]
    forwards: tuple[WaitingForward, ...]


@dataclass(frozen=True, slots=True)
class SettledForward:
    """How an attempt ended; `copy` is that of a dead one. Attempt 0 stands for whichever it is."""

    id: str
    attempt: int
    step: ForwardStep
    reason: str
    wait_ms: int = 0
    copy: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class TakeRequest:
    """How many lanes of a receiver are wanted; with `together`, all that follows of a delivery."""

    number: str
    receiver: str
    most: int
    together: bool = False


@dataclass(frozen=True, slots=True)
class ReceiverOutcome:
    """How attempts at one receiver ended; one that is down gets nothing for `rests_ms`.

    That is so only after several failures in a row.
    """

    number: str
    receiver: str
    settled: tuple[SettledForward, ...]
    health: ReceiverHealth = ""
    rests_ms: int = 0


def take_forwards(store: Store, requests: Sequence[TakeRequest]) -> list[TakenForwards | Exception]:
    """Begin attempts at forwards that are due; no other worker has them now.

    Those of receivers whose keys are damaged give their error. Raises StoreUnavailableError.
    """
    calls = []
    for one in requests:
        together = MOST_TOGETHER if one.together else 1
        args = [one.receiver, one.most, LEASE_MS, together, FAILURES_IN_A_ROW]
        calls.append(Call("take_forwards", keys.number(one.number), args))
    return [_parse_taken(reply) for reply in _call_many(store, calls)]


def _parse_taken(reply: Any) -> TakenForwards | Exception:
    if isinstance(reply, Exception):
        return reply
    now_ms, next_at, failures, damaged, taken = reply
    rows = zip(*(taken[i::4] for i in range(4)), strict=True)
    return TakenForwards(
        datetime_from_ms(now_ms),
        datetime_from_ms(next_at) if next_at else None,
        failures,
        parse_damages(damaged),
        tuple(
            WaitingForward(id_.decode(), place.decode(), n, copy) for id_, n, place, copy in rows
        ),
    )


def settle_forwards(
    store: Store, outcomes: Iterable[ReceiverOutcome], kept: timedelta
) -> list[int | Exception]:
    """Record how attempts ended; return for each receiver how many forwards are over.

    One that was received can be read for `kept`. Raises StoreUnavailableError.
    """
    kept_ms = max(1, int(kept.total_seconds() * 1000))
    calls = []
    for outcome in outcomes:
        args: list[Any] = [outcome.receiver, kept_ms, outcome.health, outcome.rests_ms]
        args.append(FAILURES_IN_A_ROW)
        for one in outcome.settled:
            args += [one.id, one.attempt, one.step, one.wait_ms, one.reason, one.copy]
        calls.append(Call("settle_forwards", keys.number(outcome.number), args))
    return _call_many(store, calls)


def _call_many(store: Store, calls: Sequence[Call]) -> list[Any]:
    replies = store.call_many(calls) if calls else []
    for reply in replies:
        if isinstance(reply, StoreUnavailableError):
            raise reply
    return replies


def list_receivers(store: Store, number: str) -> dict[str, datetime | None]:
    """Return the receivers that have or had something, and when each has something to do."""
    key = f"{keys.number(number)}forwards"
    rows: Any = store.run(lambda client: client.zrange(key, 0, -1, withscores=True))
    return {
        name.decode(): None if at == float("inf") else datetime_from_ms(int(at))
        for name, at in rows
    }


def oldest_forwards(
    store: Store,
    number: str,
    receiver: str,
    most_bytes: int,
    most: int,
    lasts: timedelta = LASTS,
) -> tuple[WaitingForward, ...]:
    """Return forwards that have waited for `lasts`, or are the oldest beyond `most_bytes`.

    0 is no bound on bytes.
    """
    args = [receiver, int(lasts.total_seconds() * 1000), most_bytes, most]
    found = store.call("oldest_forwards", keys.number(number), *args)
    rows = zip(*(found[i::3] for i in range(3)), strict=True)
    return tuple(
        WaitingForward(id_.decode(), place.decode(), copy=copy) for id_, place, copy in rows
    )


def queue_forwards(store: Store, number: str, receiver: str, forwards: Sequence[Forward]) -> int:
    """Queue events for a receiver once more; return how many, without those that wait already."""
    args: list[Any] = []
    for one in forwards:
        args += [one.id, one.place, one.contact, one.lane, one.size]
    return int(store.call("control_forwards", keys.number(number), "queue", receiver, *args))


def queue_copy(store: Store, number: str, receiver: str, forward: str, copy: bytes) -> bool:
    """Queue what is no event of the inbox, as it is posted; false if it was queued before.

    That is known while it waits, for a day once it was received, and for 30 days of a dead letter.
    """
    args = ["queue_copy", receiver, forward, copy, ROW_BYTES + len(copy)]
    return bool(store.call("control_forwards", keys.number(number), *args))


def pause_receiver(store: Store, number: str, receiver: str) -> bool:
    """Let a receiver get nothing until it is resumed; false if it is paused already."""
    return bool(store.call("control_forwards", keys.number(number), "pause", receiver))


def resume_receiver(store: Store, number: str, receiver: str) -> bool:
    """Let a receiver get what waits, also one that failed; false if it was not paused."""
    return bool(store.call("control_forwards", keys.number(number), "resume", receiver))


def redrive_forward(store: Store, number: str, receiver: str, forward: str, died_ms: int) -> bool:
    """Let a dead forward be posted again; false if it has no copy, or is no longer as it was."""
    args = ["redrive", receiver, forward, died_ms]
    return bool(store.call("control_forwards", keys.number(number), *args))


def are_stored(store: Store, forwards: Sequence[tuple[str, str]]) -> list[bool]:
    """Say of each number and forward whether it is stored: its customer may have been erased."""
    names = (f"{keys.number(number)}forward:{one}" for number, one in forwards)
    return [bool(found) for found in run_commands(store, *(("EXISTS", name) for name in names))]
