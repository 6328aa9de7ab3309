"""`gateway worker`: sensible workers for all queues, started and kept running."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.common import errors
from gateway.config import logs
from gateway.rules.loader import load
from gateway.store import keys
from gateway.store.number_list import increment_counter
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError

log = structlog.get_logger(__name__)

STOP_WITHIN_S = 20
LOOK_EVERY_S = 0.25
# A worker that dies at once, again and again, must not be started in a tight circle. One that was
# up for longer died of something else, such as a broker that went away, and is missed.
LONGEST_PAUSE_S = 30.0
LIVED_WELL_S = 10.0


@dataclass(slots=True)
class Kind:
    """Workers of one kind: what they listen to, and how many do it."""

    name: str
    queues: str
    pool: str
    concurrency: int
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0  # since it last lived well
    start_at: float = field(default=0.0)
    started_at: float = field(default=0.0)

    def command(self) -> list[str]:
        """Return the Celery command that is run."""
        args = ["-Q", self.queues, "-P", self.pool, "-c", str(self.concurrency)]
        quiet = ["--without-gossip", "--without-mingle", "-n", f"{self.name}-{os.getpid()}@%h"]
        return [sys.executable, "-m", "celery", "-A", "tasks", "worker", *args, *quiet]

    def schedule_restart(self, now: float) -> None:
        """Decide when it is started again: after a pause that grows while it dies at once."""
        lived_well = now - self.started_at > LIVED_WELL_S
        self.deaths = 1 if lived_well else self.deaths + 1
        self.start_at = now + min(LONGEST_PAUSE_S, 0.5 * 2 ** min(self.deaths, 6))
        self.process = None


def kinds(inbound: int) -> list[Kind]:
    """Return what is started: senders are threads, since they wait; planning gets processes."""
    return [
        Kind("default", "default,scheduled", "prefork", inbound),
        Kind("critical", "critical", "threads", 4),
        Kind("bulk", "bulk", "threads", 2),
    ]


def worker(
    inbound: Annotated[
        int, typer.Option(help="Processes that plan; 0 is one more than there are cores.", min=0)
    ] = 0,
) -> None:
    """Start workers for all queues, and start again what dies."""
    settings = errors.settings()
    with errors.exit_on_config_error():
        load(settings.gateway_rules)
    errors.check_store(settings)
    listener = logs.configure(settings.gateway_log_level)
    running = kinds(inbound or (os.cpu_count() or 1) + 1)
    _show(running)
    try:
        _supervise(running, Store(settings.redis_url))
    finally:
        listener.stop()


def _show(running: list[Kind]) -> None:
    table = Table("workers", "queues", "pool", "at once")
    for kind in running:
        table.add_row(kind.name, kind.queues, kind.pool, str(kind.concurrency))
    Console(stderr=True).print(table)


def _supervise(running: list[Kind], store: Store) -> None:
    stopping: list[int] = []

    def stop(signum: int, _: FrameType | None) -> None:
        stopping.append(signum)

    # A terminal that is closed hangs up; the workers, in groups of their own, would stay.
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(how, stop)
    try:
        while not stopping:
            for kind in running:
                _keep_running(kind, store)
            time.sleep(LOOK_EVERY_S)
    finally:
        _stop(running)


def _keep_running(kind: Kind, store: Store) -> None:
    """Start what is not running, once its pause is over."""
    now = time.monotonic()
    if kind.process is not None and kind.process.poll() is not None:
        _handle_death(kind, kind.process, now)
        try:
            increment_counter(store, keys.SPACE, f"workers.{kind.name}")
        except (StoreUnavailableError, ScriptError):
            log.warning("restart_uncounted", worker=kind.name)
    if kind.process is None and now >= kind.start_at:
        # A group of its own, so that Ctrl-C in a terminal reaches the workers through us only.
        kind.process = subprocess.Popen(kind.command(), start_new_session=True)  # noqa: S603
        kind.started_at = now
        log.info("worker_started", worker=kind.name, pid=kind.process.pid)


def _handle_death(kind: Kind, process: subprocess.Popen[bytes], now: float) -> None:
    """Note that a worker died, and let none of its children stay."""
    log.error("worker_died", worker=kind.name, exit_code=process.returncode)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    kind.schedule_restart(now)


def _stop(running: list[Kind]) -> None:
    """Ask every worker to finish its task; kill the groups of those that do not in time."""
    for kind in running:
        if kind.process is not None:
            kind.process.terminate()
    deadline = time.monotonic() + STOP_WITHIN_S - 2
    for kind in running:
        if kind.process is None:
            continue
        try:
            kind.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("worker_killed", worker=kind.name)
            os.killpg(kind.process.pid, signal.SIGKILL)
