"""Schedules of recurring sends: rows of the number that sends, with an index by their next moment.

Every write names the version that was read, so of two that change a schedule at once one is told to
read again; a worker that makes a send does so in the same script.
All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from gateway.core.api.schedules.schedule import (
    MOST_SCHEDULES,
    Schedule,
    ScheduleProgress,
    pack_progress,
    pack_schedule,
    unpack_progress,
    unpack_schedule,
)
from gateway.core.sending.send import Send
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.planning.commit import send_args
from gateway.store.redis.client import Store

WriteOutcome = Literal["written", "changed", "full", "damaged"]
KEPT_FOR = timedelta(milliseconds=keys.MONTH_MS)  # after the end of a schedule
_NO_SEND = ("",) * 10
_NEVER = "+inf"  # the score of one that is paused
# What unpacking a row raises that another release wrote, or that is damaged.
_UNREADABLE = (UnknownRecordError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A schedule as it was read."""

    number: str
    id: str
    version: str
    schedule: Schedule
    progress: ScheduleProgress


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """A write: the version that it changes, "" for a new one, and the send made with it."""

    id: str
    version: str
    progress: ScheduleProgress
    schedule: Schedule | None = field(default=None, repr=False)  # None keeps it
    send: Send | None = None


@dataclass(frozen=True, slots=True)
class DueSchedules:
    """Schedules of a number that are due at `now`, the server's time."""

    now: datetime
    found: Sequence[StoredSchedule]
    unreadable: Mapping[str, str]  # why, by id


def write_schedules(
    store: Store, bodies: Bodies, number: str, changes: Sequence[ScheduleChange]
) -> list[WriteOutcome]:
    """Write schedules of a number, each with its send; say of each what came of it."""
    args: list[Any] = [MOST_SCHEDULES]
    for one in changes:
        definition = bodies.pack(pack_schedule(one.schedule)) if one.schedule else b""
        send = [*send_args(one.send)[:9], one.send.reference] if one.send else _NO_SEND
        args += [
            one.id,
            one.version,
            definition,
            pack_progress(one.progress),
            _score(one.progress),
            *send,
        ]
    replies = store.call("write_schedules", keys.number(number), *args) if changes else []
    return [reply.decode() for reply in replies]


def read_schedules(
    store: Store, bodies: Bodies, names: Sequence[tuple[str, str]]
) -> list[StoredSchedule]:
    """Return the schedules of pairs of number and id, without those that are not there."""

    def read(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for number, id_ in names:
            row = f"{keys.number(number)}schedule:{id_}"
            pipe.hmget(row, "version", "definition", "progress")
        return pipe.execute()

    found = []
    for (number, id_), row in zip(names, store.run(read) if names else [], strict=True):
        parsed = _parse(bodies, number, id_, row) if row[0] else None
        if isinstance(parsed, StoredSchedule):
            found.append(parsed)
    return found


def list_schedules(store: Store, numbers: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return the score of every schedule by number and id; the score is its next moment in ms."""

    def read(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for number in numbers:
            pipe.zrange(f"{keys.number(number)}schedules", 0, -1, withscores=True)
        return pipe.execute()

    return {
        (number, id_.decode()): score
        for number, members in zip(numbers, store.run(read) if numbers else [], strict=True)
        for id_, score in members
    }


def locate_schedule(store: Store, numbers: Sequence[str], id_: str) -> str | None:
    """Return the number that a schedule belongs to, also of one that cannot be read."""

    def read(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for number in numbers:
            pipe.exists(f"{keys.number(number)}schedule:{id_}")
        return pipe.execute()

    found = store.run(read) if numbers else []
    return next((number for number, is_there in zip(numbers, found, strict=True) if is_there), None)


def count_schedules(store: Store, numbers: Collection[str]) -> int:
    """Return how many schedules these numbers have together."""

    def read(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for number in numbers:
            pipe.zcard(f"{keys.number(number)}schedules")
        return pipe.execute()

    return int(sum(store.run(read)))


def remove_schedule(store: Store, number: str, id_: str) -> bool:
    """Remove a schedule; false where there is none. Its sends that wait stay."""
    prefix = keys.number(number)

    def remove(client: Any) -> Any:
        pipe = client.pipeline(transaction=True)
        pipe.delete(f"{prefix}schedule:{id_}")
        pipe.zrem(f"{prefix}schedules", id_)
        return pipe.execute()

    return bool(store.run(remove)[0])


def read_due(store: Store, bodies: Bodies, number: str, most: int) -> DueSchedules:
    """Return schedules of a number whose moment has come, the earliest first."""
    now, *fields = store.call("due_schedules", keys.number(number), most)
    found, unreadable = [], {}
    for i in range(0, len(fields), 4):
        id_ = fields[i].decode()
        parsed = _parse(bodies, number, id_, fields[i + 1 : i + 4])
        if isinstance(parsed, StoredSchedule):
            found.append(parsed)
        else:
            unreadable[id_] = parsed
    return DueSchedules(datetime_from_ms(now), found, unreadable)


def postpone(store: Store, number: str, ids: Sequence[str], until: datetime) -> None:
    """Let schedules that cannot be worked on be looked at later; their moments stay."""
    scores = dict.fromkeys(ids, ms_from_datetime(until))
    if scores:
        key = f"{keys.number(number)}schedules"
        store.run(lambda client: client.zadd(key, scores, xx=True))


def _score(progress: ScheduleProgress) -> int | str:
    """Return when a schedule is looked at: at its next moment, or to be removed after its end."""
    if progress.next_at:
        return ms_from_datetime(progress.next_at)
    return ms_from_datetime(progress.ended_at + KEPT_FOR) if progress.ended_at else _NEVER


def _parse(bodies: Bodies, number: str, id_: str, row: Sequence[bytes]) -> StoredSchedule | str:
    """Return a schedule, or why its row cannot be read."""
    version, definition, progress = row
    try:
        schedule = unpack_schedule(bodies.open(definition))
        return StoredSchedule(number, id_, version.decode(), schedule, unpack_progress(progress))
    except _UNREADABLE as error:
        return str(error) if isinstance(error, UnknownRecordError) else type(error).__name__
