"""Changes of beat's entries by the operator: checked before they are saved, while beat runs.

All of it may raise redis.exceptions.RedisError, as RedBeat does.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import Celery
from celery.schedules import ParseException, crontab, schedule
from redbeat.schedulers import RedBeatSchedulerEntry, ensure_conf, get_redis

from gateway.config.settings import Settings
from gateway.store import keys
from tasks.celery_setup.broker import use_store
from tasks.celery_setup.config import config
from tasks.scheduled.schedule_entries import BROKEN, NONSENSE

LEAST_S, MOST_S = 1, 7 * 86_400
CRON_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


class EntryChangeError(Exception):
    """A change cannot be saved; the message says why."""


@dataclass(frozen=True, slots=True)
class BeatEntry:
    """One entry of beat's schedule."""

    name: str
    task: str
    schedule: str
    is_enabled: bool
    last_run_at: datetime | None


def open_schedule(settings: Settings) -> Celery:
    """Return an application that reads and writes beat's schedule, and does nothing else."""
    app = Celery("schedule")
    app.config_from_object(config(settings))
    use_store(app, settings.redis_url)
    ensure_conf(app)
    app.set_current()  # schedules ask the current application for the time
    return app


def list_entries(app: Any) -> tuple[list[BeatEntry], list[str]]:
    """Return all entries by name, and the names of those that cannot be used."""
    entries, broken = [], set(get_redis(app).hkeys(BROKEN))
    listed = get_redis(app).zrange(app.redbeat_conf.schedule_key, 0, -1)
    for key in sorted(listed):
        if entry := _find(app, key):
            entries.append(_view(entry))
        else:
            broken.add(key.removeprefix(keys.BEAT_PREFIX))
    return entries, sorted(broken)


def change_entry(
    app: Celery, name: str, *, every_s: float | None, cron: str, enabled: bool | None
) -> BeatEntry:
    """Change when an entry is due, or whether it is at all. Raises EntryChangeError.

    What is not given stays. Beat reads it when it looks at the entry next.
    """
    if (entry := _find(app, f"{keys.BEAT_PREFIX}{name}")) is None:
        raise EntryChangeError(f"There is no entry {name} that can be used.")
    if every_s is not None and cron:
        raise EntryChangeError("Give either an interval or a cron expression.")
    if every_s is not None:
        entry.schedule = _read_interval(app, every_s)
    if cron:
        entry.schedule = _read_cron(app, cron)
    if enabled is not None:
        entry.enabled = enabled
    entry.save()
    return _view(entry)


def _find(app: Celery, key: str) -> Any:
    """Return an entry, None where there is none that can be used; beat sets such a one aside."""
    try:
        entry = RedBeatSchedulerEntry.from_key(key, app=app)
        entry.is_due()
    except NONSENSE:
        return None
    return entry


def _read_interval(app: Celery, every_s: float) -> schedule:
    if not LEAST_S <= every_s <= MOST_S:
        raise EntryChangeError(f"An interval has {LEAST_S} second to {MOST_S // 86_400} days.")
    return schedule(every_s, app=app)


def _read_cron(app: Celery, cron: str) -> crontab:
    """Return Celery's crontab, which has other words than the schedules of messages, in UTC."""
    parts = cron.split()
    if len(parts) != len(CRON_FIELDS):
        raise EntryChangeError("A cron expression has five fields, such as '0 2 * * *'.")
    try:
        when = crontab(**dict(zip(CRON_FIELDS, parts, strict=True)), app=app)
        when.remaining_estimate(app.now())  # for ever, for a day that never comes
    except (ParseException, ValueError, RuntimeError) as error:
        raise EntryChangeError(f"The cron expression cannot be used: {error}.") from None
    return when


def _view(entry: Any) -> BeatEntry:
    when = entry.schedule
    if isinstance(when, crontab):
        text = " ".join(str(getattr(when, f"_orig_{field}")) for field in CRON_FIELDS)
    elif isinstance(when, schedule):
        every: Any = when
        text = f"every {every.run_every.total_seconds():g} s"
    else:
        text = type(when).__name__
    return BeatEntry(entry.name, entry.task, text, bool(entry.enabled), entry.last_run_at)
