"""Entries of beat's schedule in the store: operators' changes stay, and what is lost comes back.

RedBeat writes every entry anew at each start. Here an entry is written where the store lacks it, or
where a new release changes it and no operator did: `installed` holds what was written last.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from celery.exceptions import QueueNotFound
from celery.schedules import ParseException
from redbeat.schedulers import RedBeatSchedulerEntry, get_redis

from gateway.core.alerts import Alert, Cause
from gateway.store import keys

log = structlog.get_logger(__name__)

INSTALLED, BROKEN = f"{keys.BEAT_PREFIX}:installed", f"{keys.BEAT_PREFIX}:broken"
# Beat notes the alert with each tick while the entry is among the broken ones.
BROKEN_FOR = timedelta(minutes=5)
# What an entry raises that somebody edited; errors of servers are others.
NONSENSE = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError, ParseException,
    QueueNotFound,
)  # fmt: skip


class ScheduleEntry(RedBeatSchedulerEntry):  # type: ignore[misc]
    """Entry of the schedule; one that cannot be used is set aside and named."""

    @classmethod
    def from_key(cls, key: str, app: Any = None) -> Any:
        """Read an entry. Raises KeyError if there is none, or none that can be used."""
        try:
            entry = super().from_key(key, app=app)
            entry.is_due()
            app.amqp.router.route(dict(entry.options), entry.task)
        except NONSENSE as error:
            if error.args != (key,):
                _set_aside(app, key, type(error).__name__)
            raise KeyError(key) from None
        return entry


def _set_aside(app: Any, key: str, error: str) -> None:
    """Move a broken entry to the hash `broken`, where an operator finds its definition."""
    client, name = get_redis(app), key.removeprefix(keys.BEAT_PREFIX)
    log.error("schedule_entry_broken", entry=name, error=error)
    client.hset(BROKEN, name, client.hget(key, "definition"))
    client.expire(BROKEN, keys.MONTH_MS // 1000)
    client.delete(key)


def broken_alert(name: str) -> Alert:
    """Return the alert that an entry of the schedule cannot be used."""
    return Alert(
        Cause("schedule_broken", name[:40]),
        "warning",
        "An entry of beat's schedule cannot be used; all others go on.",
        f"Look at it with HGET {BROKEN}, write it anew, and remove it there with HDEL; entries of "
        "ours are back already, as they were first.",
    )


class StoredEntry(NamedTuple):
    """One of our entries as the store has it."""

    definition: str | None
    score: float | None  # when it is due, None if RedBeat does not know of it
    installed: list[str]  # what the gateway wrote last: our entry, and its definition then


def complete_schedule(app: Any) -> list[str]:
    """Write each of our entries that the store lacks; return the names of broken ones."""
    client = get_redis(app)
    entries = {
        name: ScheduleEntry(name=name, app=app, **options)
        for name, options in app.redbeat_conf.schedule.items()
    }
    stored, broken = _read_entries(app, entries)
    for name, entry in entries.items():
        ours = json.dumps(app.redbeat_conf.schedule[name], default=str, sort_keys=True)
        if is_ours_to_write(stored[name], ours):
            entry.save()
            written = json.dumps([ours, client.hget(entry.key, "definition")])
            client.hset(INSTALLED, name, written)
        elif stored[name].score is None:
            client.zadd(app.redbeat_conf.schedule_key, {entry.key: 0})
    return broken


def is_ours_to_write(stored: StoredEntry, ours: str) -> bool:
    """Say whether an entry is missing, or as an earlier release wrote it and this one would not."""
    if not stored.definition:
        return True
    return stored.installed[1:] == [stored.definition] and stored.installed[0] != ours


def _read_entries(
    app: Any, entries: Mapping[str, ScheduleEntry]
) -> tuple[dict[str, StoredEntry], list[str]]:
    with get_redis(app).pipeline(transaction=False) as pipe:
        pipe.hgetall(INSTALLED)
        pipe.hkeys(BROKEN)
        for entry in entries.values():
            pipe.hget(entry.key, "definition")
            pipe.zscore(app.redbeat_conf.schedule_key, entry.key)
        installed, broken, *rows = pipe.execute()
    stored = {
        name: StoredEntry(definition, score, json.loads(installed.get(name, "[]")))
        for name, definition, score in zip(entries, rows[::2], rows[1::2], strict=True)
    }
    return stored, list(broken)
