"""The net: what is due goes out also while beat is dead, and while every worker process is busy.

It is a thread in the main process of every worker. One of all of them has the turn and looks, so
the looks of many workers do not add up; the others ask for the turn. It reads first, and rings or
moves something only where that is due. What a look costs is bounded by
`gateway/core/storage/looks.py`.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps

from gateway.config.settings import Settings
from gateway.core.storage.looks import LookSchedule
from gateway.store import keys, maintenance
from gateway.store.leader import LeaderLock
from gateway.store.monitoring import alerts
from gateway.store.monitoring.upcoming import Upcoming, upcoming
from gateway.store.redis.client import ScriptError
from tasks.context import StoreAccess, access
from tasks.monitoring.alerts import BEAT_SILENT, SILENT_FOR
from tasks.processes.child_watch import ChildWatch
from tasks.processes.loop import Loop
from tasks.processes.store_check import refuse_unfit
from tasks.scheduled.maintenance import move_due, run_sweep, run_tick
from tasks.wakeup import OwnConnection, ring_number, ring_task, use_connection

log = structlog.get_logger(__name__)

LOOK_S = 0.1
# A main process that dies with the turn is followed by another after so long and half a second.
TURN_MS = 2_000
ASK_S = 0.5
# Beat rings for a tick each second, a sweep each two, a watch each five.
TICK_LATE_S, SWEEP_LATE_S, WATCH_LATE_S = 2.0, 4.0, 10.0
# After so long without a beat that leads a person is told.
BEAT_GONE_S = 60.0
END_S = 0.4


class SafetyNet:
    """Looks at what is due, while it has the turn; used by one thread."""

    def __init__(self, at_work: StoreAccess) -> None:
        """Take the store, with connections of this thread's own."""
        self._at_work, self._store = at_work, at_work.store
        self._turn = LeaderLock(at_work.store, keys.NET, TURN_MS)
        self._line = OwnConnection()
        self._rounds = LookSchedule()
        self._leads = False
        self._ask_at = 0.0
        self._ahead_ms = 0.0  # of our monotonic clock, which tells only at whom to look
        self._beat_led_at = time.monotonic()

    def begin(self) -> None:
        """Let this thread ring through a connection of its own."""
        use_connection(self._line)

    def work(self) -> None:
        """Look, where it is our turn. Raises StoreUnavailableError or ScriptError."""
        refuse_unfit(self._store, self._at_work.settings.gateway_store_bytes)
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + ASK_S
            self._ask()
            if self._leads:
                self._rounds.know(maintenance.numbers(self._store))
                self._make_up()
        if self._leads:
            self._look()

    def end(self) -> None:
        """Give the turn back, and the connections."""
        try:
            if self._leads:
                self._turn.give_back()
        finally:
            self._line.close()
            self._store.close()

    def _ask(self) -> None:
        """Ask for the turn; who cannot ring leaves it to somebody who perhaps can."""
        led, self._leads = self._leads, False  # where nobody can say so
        if not self._line.pauses:
            self._leads = self._turn.mine()
        elif led:
            self._turn.give_back()
        if not self._leads:
            self._beat_led_at = time.monotonic()  # whoever looks now tells of a beat that is gone

    def _look(self) -> None:
        """Ring for what is ready, and move what is due."""
        names = self._rounds.take(int(time.monotonic() * 1000 + self._ahead_ms))
        per_second = self._at_work.settings.meta_messages_per_second
        found, failed = upcoming(self._store, names, per_second)
        for one in found:
            self._ahead_ms = one.now_ms - time.monotonic() * 1000
            self._rounds.note(one.number, one.moments_ms)
            self._ring(one)
        if due := [one.number for one in found if one.due]:
            move_due(self._at_work, due)
        if failed:
            raise failed

    def _ring(self, one: Upcoming) -> None:
        for rank, since_ms in one.ready_ms.items():
            if since_ms <= one.now_ms and self._rounds.may_ring(
                one.number, rank, since_ms, one.now_ms
            ):
                ring_number(self._store, one.number, rank)

    def _make_up(self) -> None:
        """Do what beat has not rung for, or nobody heard: each part, whatever another fails of."""
        ran = maintenance.clockwork(self._store)
        failed: Exception | None = None
        for work in self._late(ran):
            try:
                work()
            except ScriptError as error:
                failed = error
        if failed:
            raise failed

    def _late(self, ran: maintenance.Clockwork) -> list[Callable[[], Any]]:
        """Return what has to be done here and now."""
        late: list[Callable[[], Any]] = []
        if ran.tick_s > TICK_LATE_S:
            late.append(lambda: run_tick(self._at_work))
        if ran.sweep_s > SWEEP_LATE_S:
            late.append(lambda: run_sweep(self._at_work))
        if ran.beat_leads:
            self._beat_led_at = time.monotonic()
            return late
        # These take long, and may call strangers: a process of a worker does them.
        if ran.watch_s > WATCH_LATE_S:
            late.append(lambda: ring_task(self._store, "tasks.watch"))
        if not ran.cleaned:
            late.append(lambda: ring_task(self._store, "tasks.cleanup"))
        if time.monotonic() - self._beat_led_at > BEAT_GONE_S:
            late.append(lambda: alerts.note(self._store, BEAT_SILENT, SILENT_FOR))
        return late


class NetStep(bootsteps.StartStopStep):
    """Starts the threads of a worker's main process once its pool has forked its children."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        """Start nothing yet."""
        super().__init__(parent, **options)
        self._loops: list[Loop] = []

    def start(self, parent: Any) -> None:
        """Begin to look."""
        settings = Settings.from_env()
        net, watch = SafetyNet(access(settings)), ChildWatch(access(settings).store)
        self._loops = [
            Loop("net", LOOK_S, net.work, net.begin, net.end),
            Loop("children", LOOK_S, watch.work, last=watch.end),
        ]
        for loop in self._loops:
            loop.start()

    def stop(self, parent: Any) -> None:
        """End within a second, whatever the store does: a thread that hangs dies with us."""
        for loop in self._loops:
            loop.end()
        for loop in self._loops:
            loop.join(END_S)
        self._loops = []

    terminate = stop
