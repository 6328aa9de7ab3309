"""Startup of the processes of one folder: takes the folder's lock, then starts each process."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial

import httpx
import typer

from gateway.cli.common import errors
from gateway.cli.local import environment, log_view, workspace
from gateway.cli.local.environment import LocalSetup
from gateway.cli.local.log_line import ODD, LogLine
from gateway.cli.local.log_view import show
from gateway.cli.local.ports import HOST, bind_error
from gateway.cli.local.processes import Family
from gateway.cli.run.migrate import migrate_store
from gateway.store.maintenance.migration import MigrationError
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.server import clock
from gateway.store.server.ownership import adopt_store

LOOK_EVERY_S = 0.05
READY_WITHIN_S = 60.0
ENDED_WITHIN_S = 30.0  # the children of a run that was killed need up to 22 s


def lock_folder() -> int:
    """Take the folder's lock for this run, and return it; every child inherits it."""
    try:
        workspace.make_folder()
        dev_lock = workspace.hold(workspace.DEV_LOCK, 0.3)
        if dev_lock is None:
            running = workspace.find_running(0)
            where = f" (process {running.pid}, {running.web})" if running else ""
            raise errors.fail(f"A gateway runs in this folder already{where}.")
        workspace.withdraw()
        lock = workspace.hold(workspace.CHILDREN_LOCK, 0.3)
        if lock is None:
            show(LogLine("waiting for the processes of an earlier run to end", ODD))
            lock = workspace.hold(workspace.CHILDREN_LOCK, ENDED_WITHIN_S)
    except OSError as error:
        raise errors.fail(f"Cannot use the folder .gateway here: {error.strerror}.") from None
    if lock is None:
        raise errors.fail("Processes of an earlier run are still there: end them first.")
    return lock


def check_requirements(setup: LocalSetup) -> None:
    """Check what must be available before anything starts: the port, and a given Redis."""
    if problem := bind_error(setup.port):
        raise errors.fail(f"Cannot listen on {HOST}:{setup.port}: {problem}.")
    if setup.sandbox_port and (problem := bind_error(setup.sandbox_port)):
        raise errors.fail(f"The sandbox cannot listen on {HOST}:{setup.sandbox_port}: {problem}.")
    if not setup.redis_port and not environment.is_answering(setup.settings.redis_url):
        raise errors.fail(
            "Redis at REDIS_URL does not answer; without REDIS_URL a server is started for you."
        )


def catch_signals() -> list[int]:
    """Collect Ctrl-C, SIGTERM and SIGHUP in a list, so that everything ends in order."""
    stopping: list[int] = []
    endings = [signal.SIGINT, signal.SIGTERM]
    # Under nohup the process is meant to outlive its terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        endings.append(signal.SIGHUP)
    for ending in endings:
        signal.signal(ending, lambda signum, _: stopping.append(signum))
    return stopping


def start(family: Family, setup: LocalSetup, stopping: list[int]) -> None:
    """Start the server, then all others at once, and wait until the web process is ready.

    Once all are ready, this is published to commands that look for a gateway in this folder.
    """
    if setup.redis_port:
        try:
            family.start("server", setup.server(), {})
        except (environment.NoServerError, OSError) as error:
            hint = "run scripts/install dev, or set REDIS_URL"
            raise errors.fail(f"No server of our own can be started ({error}): {hint}.") from None
        _wait_until(lambda: environment.is_answering(setup.settings.redis_url), family, stopping)
    ahead_s = _let_clock_move(setup) if setup.has_movable_clock else 0.0
    _migrate(setup)
    if setup.redis_port:
        adopt_own_store(setup)
    errors.check_store(setup.settings)
    for name, command in setup.commands().items():
        stdin_data = setup.sandbox_config(ahead_s) if name == "sandbox" else b""
        family.start(name, command, setup.environment, stdin_data)
    with httpx.Client(trust_env=False, timeout=5) as client:
        for page in setup.pages():
            _wait_until(partial(_is_there, client, page), family, stopping)
    # Beat is only the safety net: the first reply does not need it, and it is slow to start.
    family.start("beat", setup.beat(), setup.environment)
    if not stopping:
        workspace.publish(setup.running(os.getpid()))


def _migrate(setup: LocalSetup) -> None:
    """Migrate data that an older release left in this folder; none of its processes still run."""
    # The check that follows reports what is wrong.
    unfit = suppress(MigrationError, StoreUnavailableError, ScriptError)
    with unfit, closing(Store(setup.settings.redis_url)) as store:
        migrate_store(store, 0.0)


def _let_clock_move(setup: LocalSetup) -> float:
    """Let the clock of the data in this folder be moved; return how many seconds it is ahead."""
    # The check that follows reports what is wrong.
    with suppress(StoreUnavailableError), closing(Store(setup.settings.redis_url)) as store:
        clock.let_clock_move(store)
        return clock.read_ahead_ms(store) / 1000
    return 0.0


def adopt_own_store(setup: LocalSetup) -> None:
    """Adopt the data in this folder, whichever settings it was written with."""
    # The check that follows reports what is wrong.
    with (
        suppress(StoreUnavailableError, ScriptError),
        closing(Store(setup.settings.redis_url)) as store,
    ):
        adopt_store(store, setup.settings.installation)


def exit_if_child_died(family: Family) -> None:
    """End the command if a child has died: the others are of no use without it."""
    if child := family.find_dead_child():
        log_view.show_child_exit(child)
        raise typer.Exit(1)


def _wait_until(condition: Callable[[], bool], family: Family, stopping: list[int]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not stopping and not condition():
        exit_if_child_died(family)
        if time.monotonic() > deadline:
            raise errors.fail(f"Not everything was ready within {READY_WITHIN_S:.0f} s.")
        time.sleep(LOOK_EVERY_S)


def _is_there(client: httpx.Client, page: str) -> bool:
    try:
        return client.get(page).is_success
    except httpx.HTTPError:
        return False
