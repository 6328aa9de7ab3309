"""Safety net: does what is due while beat is dead, or while every worker process is busy.

It is a thread in the main process of every worker. The one that holds the leader lock looks, so
the looks of many workers do not add up; the others try to acquire it. It reads first, and wakes or
moves only what is due. `gateway/core/storage/look_schedule.py` bounds the cost of a look.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps

from gateway.config.settings import Settings
from gateway.core.storage.look_schedule import LookSchedule
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages
from gateway.store.coordination.leader import LeaderLock
from gateway.store.monitoring import alert_store
from gateway.store.monitoring.upcoming import Upcoming, read_upcoming
from gateway.store.redis.client import ScriptError
from tasks.context import StoreAccess, open_store_access
from tasks.monitoring.noted_alerts import BEAT_SILENT, SILENT_FOR
from tasks.processes.child_watch import ChildWatch
from tasks.processes.loop import Loop
from tasks.processes.store_check import refuse_unfit
from tasks.scheduled.jobs import move_due, run_sweep, run_tick
from tasks.wakeup import OwnConnection, ring_number, ring_task, use_connection

log = structlog.get_logger(__name__)

LOOK_S = 0.1
# If the leading main process dies, another follows it after so long and half a second.
TURN_MS = 2_000
ASK_S = 0.5
# Beat starts a tick each second, a sweep each two, a watch each five.
TICK_LATE_S, SWEEP_LATE_S, WATCH_LATE_S = 2.0, 4.0, 10.0
# After so long without a leading beat there is an alert.
BEAT_GONE_S = 60.0
END_S = 0.4


class SafetyNet:
    """Looks at what is due, while it leads; used by one thread."""

    def __init__(self, ctx: StoreAccess) -> None:
        """Take the store, with connections of this thread's own."""
        self._ctx, self._store = ctx, ctx.store
        self._leader_lock = LeaderLock(ctx.store, keys.SAFETY_NET, TURN_MS)
        self._broker = OwnConnection()
        self._schedule = LookSchedule()
        self._is_leader = False
        self._next_ask_at = 0.0
        self._ahead_ms = 0.0  # of our monotonic clock, which decides only which numbers to look at
        self._beat_led_at = time.monotonic()

    def begin(self) -> None:
        """Let this thread send wake-ups through a connection of its own."""
        use_connection(self._broker)

    def work(self) -> None:
        """Look, if this process leads. Raises StoreUnavailableError or ScriptError."""
        refuse_unfit(self._store, self._ctx.settings)
        if time.monotonic() >= self._next_ask_at:
            self._next_ask_at = time.monotonic() + ASK_S
            self._ctx.accounts.reload_if_changed()
            self._try_to_lead()
            if self._is_leader:
                self._schedule.set_numbers(number_list.numbers(self._store))
                self._run_overdue_jobs()
        if self._is_leader:
            self._wake_due()

    def end(self) -> None:
        """Release the leader lock, and close the connections."""
        try:
            if self._is_leader:
                self._leader_lock.release()
        finally:
            self._broker.close()
            self._store.close()

    def _try_to_lead(self) -> None:
        """Acquire the leader lock; a process that cannot reach the broker leaves it to another."""
        was_leader, self._is_leader = self._is_leader, False  # if the store does not answer
        if not self._broker.is_pausing:
            self._is_leader = self._leader_lock.acquire()
        elif was_leader:
            self._leader_lock.release()
        if not self._is_leader:
            self._beat_led_at = time.monotonic()  # the process that leads reports a missing beat

    def _wake_due(self) -> None:
        """Send wake-ups for what is ready, and move what is due."""
        names = self._schedule.next_numbers(int(time.monotonic() * 1000 + self._ahead_ms))
        upcoming_numbers, error = read_upcoming(self._store, names, self._ctx.pace_of)
        for one in upcoming_numbers:
            self._ahead_ms = one.now_ms - time.monotonic() * 1000
            self._schedule.note(one.number, one.moments_ms)
            self._ring(one)
        if due := [one.number for one in upcoming_numbers if one.is_due]:
            move_due(self._ctx, due)
        if error:
            raise error

    def _ring(self, one: Upcoming) -> None:
        if not self._ctx.may_send(one.number):
            return
        for priority, since_ms in one.ready_ms.items():
            if since_ms <= one.now_ms and self._schedule.may_ring(
                one.number, priority, since_ms, one.now_ms
            ):
                ring_number(self._store, one.number, priority)

    def _run_overdue_jobs(self) -> None:
        """Do the jobs that beat did not start or no worker took; an error stops no other job."""
        clockwork = run_ages.read_run_ages(self._store)
        first_error: Exception | None = None
        for work in self._overdue_jobs(clockwork):
            try:
                work()
            except ScriptError as error:
                first_error = error
        if first_error:
            raise first_error

    def _overdue_jobs(self, clockwork: run_ages.RunAges) -> list[Callable[[], Any]]:
        """Return the jobs that are overdue."""
        jobs: list[Callable[[], Any]] = []
        if clockwork.tick_s > TICK_LATE_S:
            jobs.append(lambda: run_tick(self._ctx))
        if clockwork.sweep_s > SWEEP_LATE_S:
            jobs.append(lambda: run_sweep(self._ctx))
        if clockwork.has_beat_leader:
            self._beat_led_at = time.monotonic()
            return jobs
        # These take long, and may call other hosts: a process of a worker does them.
        if clockwork.watch_s > WATCH_LATE_S:
            jobs.append(lambda: ring_task(self._store, "tasks.watch"))
        if not clockwork.is_cleaned_up:
            jobs.append(lambda: ring_task(self._store, "tasks.cleanup_expired_sessions"))
        if time.monotonic() - self._beat_led_at > BEAT_GONE_S:
            jobs.append(lambda: alert_store.record_alert(self._store, BEAT_SILENT, SILENT_FOR))
        return jobs


class NetStep(bootsteps.StartStopStep):
    """Starts the threads of a worker's main process once its pool has forked its children."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        """Start nothing yet."""
        super().__init__(parent, **options)
        self._loops: list[Loop] = []

    def start(self, parent: Any) -> None:
        """Start the threads."""
        settings = Settings.from_env()
        net, watch = (
            SafetyNet(open_store_access(settings)),
            ChildWatch(open_store_access(settings).store),
        )
        self._loops = [
            Loop("net", LOOK_S, net.work, net.begin, net.end),
            Loop("children", LOOK_S, watch.work, last=watch.end),
        ]
        for loop in self._loops:
            loop.start()

    def stop(self, parent: Any) -> None:
        """Stop within a second, whatever the store does; a hung thread dies with the process."""
        for loop in self._loops:
            loop.end()
        for loop in self._loops:
            loop.join(END_S)
        self._loops = []

    terminate = stop
