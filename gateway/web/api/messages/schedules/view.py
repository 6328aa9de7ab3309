"""What a client sees of a schedule: when it fires next, and what became of its last sends; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.core.api.schedules.cron import next_moments
from gateway.core.api.schedules.schedule import Firing, Schedule
from gateway.store.api.message_status import status_of
from gateway.store.api.schedules.rows import StoredSchedule
from gateway.store.sending.lookup import TracedSend

SHOWN_AHEAD = 5


def schedule_status(stored: StoredSchedule) -> str:
    """Return whether a schedule is active, paused or ended."""
    if stored.progress.ended_at:
        return "ended"
    return "paused" if stored.schedule.paused else "active"


def view_schedule(stored: StoredSchedule) -> dict[str, Any]:
    """Return what a list shows of a schedule."""
    schedule, progress = stored.schedule, stored.progress
    return {
        "id": stored.id,
        "status": schedule_status(stored),
        "name": schedule.name or None,
        "from": stored.number,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "missed": schedule.missed,
        "until": schedule.until,
        "count": schedule.count,
        "created_at": schedule.created_at,
        "ended_at": progress.ended_at,
        "next_at": progress.next_at,
        "sent": progress.fired,
        "skipped": progress.skipped,
        "failed": progress.failed,
    }


def view_details(
    stored: StoredSchedule, sends: Mapping[str, TracedSend], *, with_message: bool
) -> dict[str, Any]:
    """Return all of a schedule; its message only for whom may change it."""
    schedule, progress = stored.schedule, stored.progress
    upcoming = [progress.next_at] if progress.next_at else []
    if progress.next_at:
        upcoming += view_upcoming(schedule, progress.next_at, SHOWN_AHEAD - 1)
    left = None if schedule.count is None else schedule.count - progress.fired
    return {
        **view_schedule(stored),
        "upcoming": upcoming[:left],
        "last": [_view_firing(one, sends) for one in progress.firings],
        "message": schedule.message if with_message else None,
    }


def view_upcoming(schedule: Schedule, after: datetime, most: int = SHOWN_AHEAD) -> list[datetime]:
    """Return the next moments of a schedule, in UTC."""
    found = next_moments(schedule.cron, schedule.zone, after, most)
    return [one for one in found if schedule.until is None or one <= schedule.until]


def _view_firing(firing: Firing, sends: Mapping[str, TracedSend]) -> dict[str, Any]:
    send = sends.get(firing.send)
    if not firing.send:
        status = "failed"
    else:
        status = status_of(send) if send and send.stage else "forgotten"
    return {"at": firing.at, "id": firing.send or None, "status": status}
