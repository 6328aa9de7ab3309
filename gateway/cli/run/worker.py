"""`gateway worker`: starts workers for all queues with sensible defaults, and restarts them."""

import os
import signal
import sys
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

from gateway.accounts.loader import load_accounts
from gateway.accounts.rulebooks import AccountRules
from gateway.cli.common import errors
from gateway.cli.common.process_set import ProcessSet
from gateway.config import logs
from gateway.store import keys
from gateway.store.number_list import increment_counter
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError

log = structlog.get_logger(__name__)

STOP_WITHIN_S = 18.0
# A call of a service may last a minute; one that is cut off is not repeated, unless it may be.
CALLS_STOP_WITHIN_S = 70.0
LOOK_EVERY_S = 0.25
# A worker that dies at once, again and again, must not be restarted in a tight loop. One that ran
# for longer died of something else, such as an unavailable broker, and is needed back.
LONGEST_PAUSE_S = 30.0
LIVED_WELL_S = 10.0


@dataclass(slots=True)
class Kind:
    """Workers of one kind: their queues and their number."""

    name: str
    queues: str
    pool: str
    concurrency: int
    deaths: int = 0  # since it last ran for long enough
    start_at: float = field(default=0.0)
    started_at: float = field(default=0.0)

    def command(self) -> list[str]:
        """Return the Celery command of these workers."""
        args = ["-Q", self.queues, "-P", self.pool, "-c", str(self.concurrency)]
        quiet = ["--without-gossip", "--without-mingle", "-n", f"{self.name}-{os.getpid()}@%h"]
        return [sys.executable, "-m", "celery", "-A", "tasks", "worker", *args, *quiet]

    def schedule_restart(self, now: float) -> None:
        """Set the time of the restart: the delay grows while the workers die at once."""
        lived_well = now - self.started_at > LIVED_WELL_S
        self.deaths = 1 if lived_well else self.deaths + 1
        self.start_at = now + min(LONGEST_PAUSE_S, 0.5 * 2 ** min(self.deaths, 6))


def kinds(inbound: int) -> list[Kind]:
    """Return the kinds to start: senders are threads, since they wait; planning gets processes."""
    return [
        Kind("default", "default,scheduled", "prefork", inbound),
        Kind("critical", "critical", "threads", 4),
        Kind("bulk", "bulk", "threads", 2),
        Kind("outgoing", "outgoing", "threads", 8),
    ]


def worker(
    inbound: Annotated[
        int, typer.Option(help="Processes that plan; 0 is one more than there are cores.", min=0)
    ] = 0,
) -> None:
    """Start workers for all queues, and start again what dies."""
    settings = errors.settings()
    with errors.exit_on_config_error():
        accounts = load_accounts(settings)
        AccountRules(lambda: accounts)
    errors.check_store(settings)
    listener = logs.configure(settings.gateway_log_level)
    running = kinds(inbound or (os.cpu_count() or 1) + 1)
    _show(running)
    try:
        _supervise(running, Store(settings.redis_url))
    finally:
        listener.stop()


def _show(running: list[Kind]) -> None:
    """Print the workers to a terminal; a log holds a line for each, and nothing but such lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return
    table = Table("workers", "queues", "pool", "at once")
    for kind in running:
        table.add_row(kind.name, kind.queues, kind.pool, str(kind.concurrency))
    console.print(table)


def _supervise(running: list[Kind], store: Store) -> None:
    stopping: list[int] = []

    def stop(signum: int, _: FrameType | None) -> None:
        stopping.append(signum)

    # A closed terminal sends SIGHUP; the workers, in process groups of their own, would survive it.
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(how, stop)
    processes = ProcessSet()
    try:
        while not stopping:
            for kind in running:
                _keep_running(kind, processes, store)
            time.sleep(LOOK_EVERY_S)
    finally:
        # Every worker finishes its task.
        for name in processes.stop(STOP_WITHIN_S, longer_s={"outgoing": CALLS_STOP_WITHIN_S}):
            log.error("worker_killed", worker=name)


def _keep_running(kind: Kind, processes: ProcessSet, store: Store) -> None:
    """Start the workers if they are not running and their delay is over."""
    now = time.monotonic()
    exit_code = processes.exit_code(kind.name)
    if exit_code is not None:
        log.error("worker_died", worker=kind.name, exit_code=exit_code)
        processes.remove(kind.name)
        kind.schedule_restart(now)
        _count_death(kind, store)
    if kind.name not in processes and now >= kind.start_at:
        process = processes.start(kind.name, kind.command())
        kind.started_at = now
        log.info("worker_started", worker=kind.name, pid=process.pid)


def _count_death(kind: Kind, store: Store) -> None:
    try:
        increment_counter(store, keys.SPACE, f"workers.{kind.name}")
    except (StoreUnavailableError, ScriptError):
        log.warning("restart_uncounted", worker=kind.name)
