"""Schedule: a message that is sent again and again, and how far it got; as it is stored."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson

from gateway.core.api.schedules.cron import iter_moments
from gateway.core.sending.send import send_id
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

MOST_SCHEDULES = 10_000
FIRINGS_KEPT = 10
Missed = Literal["skip", "once"]
SKIP: Missed = "skip"
ONCE: Missed = "once"
MISSED: tuple[Missed, ...] = (SKIP, ONCE)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is sent, and when; `message` is a request as `POST /v1/messages` takes it."""

    cron: str
    zone: str
    message: Mapping[str, Any] = field(repr=False)
    missed: Missed = SKIP
    until: datetime | None = None
    count: int | None = None  # so many sends in all
    paused: bool = False
    name: str = ""
    created_at: datetime | None = None
    fingerprint: str = ""  # of the request that made it, if that may be repeated

    def first_after(self, moment: datetime) -> datetime | None:
        """Return its first moment after another, None where it is over by then."""
        first = next(iter_moments(self.cron, self.zone, moment), None)
        return None if first and self.until and first > self.until else first

    def is_over(self, moment: datetime, fired: int) -> bool:
        """Say whether it ended before a moment, or with so many sends."""
        is_late = self.until is not None and moment > self.until
        return is_late or (self.count is not None and fired >= self.count)


@dataclass(frozen=True, slots=True)
class Firing:
    """One moment of a schedule: the send that it made, "" where none could be made."""

    at: datetime
    send: str


@dataclass(frozen=True, slots=True)
class ScheduleProgress:
    """How far a schedule got."""

    next_at: datetime | None = None  # None while it is paused, and once it is over
    ended_at: datetime | None = None  # since when it is over
    fired: int = 0
    skipped: int = 0
    failed: int = 0
    firings: tuple[Firing, ...] = ()  # the last ones, the newest first


def begin(schedule: Schedule, before: ScheduleProgress, now: datetime) -> ScheduleProgress:
    """Return the progress of a schedule whose moments count from now on."""
    next_at = None if schedule.paused else schedule.first_after(now)
    if next_at and schedule.is_over(next_at, before.fired):
        next_at = None
    return replace(before, next_at=next_at, ended_at=None if next_at or schedule.paused else now)


def rebase(
    before: Schedule, after: Schedule, progress: ScheduleProgress, now: datetime
) -> ScheduleProgress:
    """Return the progress of a schedule that was changed; one that is due stays due."""
    next_at = progress.next_at
    is_same = (before.cron, before.zone) == (after.cron, after.zone)
    if is_same and next_at and not after.paused and not after.is_over(next_at, progress.fired):
        return progress
    return begin(after, progress, now)


def firing_id(schedule_id: str, at: datetime) -> str:
    """Return the id of the send of one moment: made twice, it is the same."""
    return send_id(f"schedule|{schedule_id}", "", ms_from_datetime(at))


def repeatable_id(scope: str, key: str) -> str:
    """Return the id of the schedule that a request with an idempotency key makes."""
    seed = f"schedule|{len(scope)}|{scope}|{key}"
    return base64.b32encode(sha256(seed.encode()).digest()[:15]).decode().lower()


def pack_schedule(schedule: Schedule) -> bytes:
    """Return a schedule as it is stored."""
    return orjson.dumps(
        {
            "cron": schedule.cron,
            "zone": schedule.zone,
            "message": schedule.message,
            "missed": schedule.missed,
            "until": _stamp(schedule.until),
            "count": schedule.count,
            "paused": schedule.paused,
            "name": schedule.name,
            "created": _stamp(schedule.created_at),
            "fingerprint": schedule.fingerprint,
        }
    )


def unpack_schedule(stored: bytes) -> Schedule:
    """Return a schedule as it was stored.

    Raises ValueError, KeyError, TypeError or AttributeError for an odd one.
    """
    row: Mapping[str, Any] = orjson.loads(stored)
    return Schedule(
        cron=row["cron"],
        zone=row["zone"],
        message=dict(row["message"]),
        missed=ONCE if row.get("missed") == ONCE else SKIP,
        until=_moment(row.get("until")),
        count=row.get("count"),
        paused=bool(row.get("paused")),
        name=row.get("name", ""),
        created_at=_moment(row.get("created")),
        fingerprint=row.get("fingerprint", ""),
    )


def pack_progress(progress: ScheduleProgress) -> bytes:
    """Return the progress as it is stored."""
    firings = [[ms_from_datetime(one.at), one.send] for one in progress.firings]
    return orjson.dumps(
        {
            "next": _stamp(progress.next_at),
            "ended": _stamp(progress.ended_at),
            "fired": progress.fired,
            "skipped": progress.skipped,
            "failed": progress.failed,
            "firings": firings[:FIRINGS_KEPT],
        }
    )


def unpack_progress(stored: bytes) -> ScheduleProgress:
    """Return the progress as it was stored. Raises as `unpack_schedule` does."""
    row: Mapping[str, Any] = orjson.loads(stored)
    return ScheduleProgress(
        next_at=_moment(row.get("next")),
        ended_at=_moment(row.get("ended")),
        fired=int(row.get("fired", 0)),
        skipped=int(row.get("skipped", 0)),
        failed=int(row.get("failed", 0)),
        firings=tuple(Firing(datetime_from_ms(at), send) for at, send in row.get("firings", ())),
    )


def _stamp(at: datetime | None) -> int | None:
    return ms_from_datetime(at) if at else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime_from_ms(stamp) if stamp is not None else None
