"""Firing: which moment of a schedule makes a send now, and which were missed; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.schedules.cron import iter_moments
from gateway.core.api.schedules.schedule import (
    FIRINGS_KEPT,
    ONCE,
    Firing,
    Schedule,
    ScheduleProgress,
)
from gateway.core.sending.send import BULK, NOTICE

LATE = timedelta(minutes=1)  # what is later was missed
# Of one gap so many missed moments are counted, and the rest passed at once.
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class FiringDecision:
    """The moment that makes a send now, None for none; those passed over, and the next one."""

    at: datetime | None
    skipped: int
    next_at: datetime | None


def decide_firing(schedule: Schedule, due_at: datetime, now: datetime) -> FiringDecision:
    """Decide about a schedule whose next moment is `due_at`.

    With `once`, all moments that were missed make one send: that of the first of them, so that
    whoever decides a moment later names the same one.
    """
    if due_at > now:
        return FiringDecision(None, 0, due_at)
    if now - due_at <= LATE:
        return FiringDecision(due_at, 0, schedule.first_after(due_at))
    may_be_late = schedule.missed == ONCE and not (schedule.until and now - schedule.until > LATE)
    if may_be_late:
        passed = _count_moments(schedule, due_at, now)
        return FiringDecision(due_at, passed, schedule.first_after(now))
    return _skip_missed(schedule, due_at, now)


def note_firing(
    schedule: Schedule,
    before: ScheduleProgress,
    decision: FiringDecision,
    send: str,
    now: datetime,
) -> ScheduleProgress:
    """Return the progress after a decision; `send` is "" where no send could be made."""
    fired = before.fired + bool(decision.at and send)
    is_over = schedule.count is not None and fired >= schedule.count
    next_at = None if is_over else decision.next_at
    progress = replace(
        before,
        next_at=next_at,
        ended_at=None if next_at else now,
        fired=fired,
        skipped=before.skipped + decision.skipped,
    )
    if decision.at is None:
        return progress
    firings = (Firing(decision.at, send), *before.firings)[:FIRINGS_KEPT]
    return replace(progress, failed=before.failed + (not send), firings=firings)


def read_firing_request(schedule: Schedule, id_: str) -> MessageRequest | list[FieldError]:
    """Return the request of each send of a schedule, or why its message cannot be read.

    A send without a reference has the schedule's id as its own, and nobody waits for it.
    """
    request = read_request(schedule.message)
    if not isinstance(request, MessageRequest):
        return request
    priority = BULK if request.priority == BULK else NOTICE
    return replace(request, reference=request.reference or id_, priority=priority)


def _skip_missed(schedule: Schedule, due_at: datetime, now: datetime) -> FiringDecision:
    """Pass over what is too late; the first moment that is not may make a send."""
    too_late = now - LATE - timedelta(microseconds=1)
    passed = 1 + _count_moments(schedule, due_at, too_late)
    at = schedule.first_after(too_late)
    if at is None or at > now:
        return FiringDecision(None, passed, at)
    return FiringDecision(at, passed, schedule.first_after(at))


def _count_moments(schedule: Schedule, after: datetime, until: datetime) -> int:
    """Count moments after one and up to another, as far as it is worth it."""
    last = min(until, schedule.until) if schedule.until else until
    counted = 0
    for moment in iter_moments(schedule.cron, schedule.zone, after):
        if moment > last or counted >= MOST_COUNTED:
            break
        counted += 1
    return counted
