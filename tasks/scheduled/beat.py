"""Beat: RedBeat's schedule, run by one of several processes that survive a lost store.

RedBeat takes its lock before the first tick and ends with the first error. Here every tick begins
by acquiring the leader lock, and whatever fails in it is left for the next one. Two beats may lead
for a moment after a fail-over; that does no harm, since the jobs guard themselves.
"""

import contextlib
from typing import Any

import structlog
from celery import Celery
from redbeat.schedulers import RedBeatScheduler, get_redis

from gateway.config.settings import Settings
from gateway.store.coordination.leader import LeaderLock
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks.celery_setup.schedule import TASKS
from tasks.processes.store_check import refuse_unfit
from tasks.scheduled.schedule_entries import (
    BROKEN_FOR,
    ScheduleEntry,
    broken_alert,
    complete_schedule,
)
from tasks.wakeup import clear_task, is_full, mark_task

log = structlog.get_logger(__name__)


class Beat(RedBeatScheduler):  # type: ignore[misc]
    """Scheduler that stands by, leads, and waits while its servers are unavailable."""

    Entry = ScheduleEntry

    # Passed to `maybe_due`. Celery's own producer would wait for a broker for ever on first use;
    # without it each wake-up takes a producer from the pool, as the other wake-ups do.
    _maybe_due_kwargs: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, app: Celery, **options: Any) -> None:
        """Take the application; Celery itself calls this, so the store is opened here."""
        self._is_leader: bool | None = None  # not known yet
        self._failing = False
        super().__init__(app, **options)
        self._settings = Settings.from_env()
        self._store = Store(self._settings.redis_url)
        self._leader_lock = LeaderLock(
            self._store, self.app.redbeat_conf.lock_key, int(self.lock_timeout * 1000)
        )
        self.lock_key = None  # so that RedBeat takes no lock of its own

    def setup_schedule(self) -> None:
        """Do nothing yet: the store may be unavailable, and then the first ticks wait for it."""

    def tick(self, *_: Any, **__: Any) -> float:
        """Start the due jobs if this beat leads; return for how many seconds to sleep."""
        try:
            wait_s = float(super().tick()) if self._may_lead() else self.max_interval
        except Exception as error:
            self._log_transition(type(error.__context__ or error).__name__)
            return float(self.max_interval)
        self._log_transition("")
        return wait_s

    def maybe_due(self, entry: Any, **_: Any) -> float:
        """Start an entry's job if it is due; return in how many seconds to look at it again."""
        due, wait_s = entry.is_due()
        if due and self._ring(entry):
            self.reserve(entry)
        return float(wait_s)

    def _ring(self, entry: Any) -> bool:
        """Send the wake-up of an entry unless one waits already; false if its queue is full.

        A wake-up that could not be sent is not noted, so its entry is still due.
        """
        queue = self.app.amqp.router.route(dict(entry.options), entry.task)["queue"].name
        if is_full(self.app, queue):
            return False
        ours = entry.task in TASKS
        if ours and not mark_task(self._store, entry.task):
            return True
        try:
            self.apply_async(entry, advance=False)
        except Exception:
            if ours:
                clear_task(self._store, entry.task)
            raise
        return True

    def close(self) -> None:
        """Release the leader lock; an unavailable store is asked once."""
        if self._is_leader:
            self._is_leader = False
            try:
                self._leader_lock.release()
            except StoreUnavailableError:
                log.warning("beat_turn_kept")
        super().close()

    def _may_lead(self) -> bool:
        """Acquire the leader lock, once the store is fit and the schedule is installed."""
        refuse_unfit(self._store, self._settings)
        self._install_schedule()
        is_leader = self._leader_lock.acquire()
        if is_leader != self._is_leader:
            if is_leader:
                self._reset_future_runs()
            log.info("beat_leads" if is_leader else "beat_stands_by")
        self._is_leader = is_leader
        return is_leader

    def _reset_future_runs(self) -> None:
        """Reschedule entries whose last run lies in the future.

        By the clock of the previous beat it was in the past; ours may be behind by minutes.
        """
        for key in get_redis(self.app).zrange(self.app.redbeat_conf.schedule_key, 0, -1):
            with contextlib.suppress(KeyError):  # broken ones are set aside
                entry = self.Entry.from_key(key, app=self.app)
                if entry.last_run_at and entry.last_run_at > self.app.now():
                    entry.reschedule()

    def _install_schedule(self) -> None:
        """Write the entries that the store lacks, and name those that cannot be used.

        RedBeat's list of names keeps beats of earlier releases from writing all entries anew.
        """
        client, names = get_redis(self.app), list(self.app.redbeat_conf.schedule)
        for name in complete_schedule(self.app):
            record_alert(self._store, broken_alert(name), BROKEN_FOR)
        client.sadd(self.app.redbeat_conf.statics_key, *names)

    def _log_transition(self, error: str) -> None:
        """Log once that beat began to fail, and once that it works again."""
        if error and not self._failing:
            log.warning("beat_failing", error=error)
        elif self._failing and not error:
            log.info("beat_recovered")
        self._failing = bool(error)
