"""`gateway dev`: everything in one terminal, with one readable line for each thing that happens."""

import logging
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import httpx
import structlog
import typer

from gateway.cli import dev_folder, dev_screen, embedded, failing
from gateway.cli.dev_lines import ODD, QUIET, Line, readable
from gateway.cli.dev_processes import Family
from gateway.cli.dev_screen import show
from gateway.cli.dev_setup import Setup, prepare
from gateway.cli.ports import HOST, obstacle
from gateway.rules.source import Source
from gateway.settings import environment

LOOK_EVERY_S = 0.05
READY_WITHIN_S = 60.0
ENDED_WITHIN_S = 30.0  # the children of a run that was killed need up to 22 s


def dev(
    port: Annotated[int, typer.Option(help="Port of the webhook.", min=1, max=65535)] = 8000,
    real: Annotated[bool, typer.Option(help="Speak to the real Meta, as .env says.")] = False,
    verbose: Annotated[bool, typer.Option(help="Show every line of every process.")] = False,
) -> None:
    """Start everything in one terminal: server, web, workers, beat, and a sandbox for Meta."""
    started = time.monotonic()
    lock = _occupy()
    rules, setup = _prepared(port, real)
    dev_screen.warn(setup)
    stopping = _signals()
    with Family(lambda child, raw: show(readable(child, raw, verbose=verbose)), lock) as family:
        try:
            _start(family, setup, stopping)
            if not stopping:
                dev_folder.publish(setup.running(os.getpid()))
                number = len(rules.current().rules)
                dev_screen.welcome(setup, rules.path, number, time.monotonic() - started)
            _watch(family, rules, stopping)
        finally:
            dev_folder.withdraw()
            show(Line("stopping everything", QUIET))


def _occupy() -> int:
    """Take the folder for this run; return the lock that every child keeps."""
    try:
        dev_folder.make()
        mine = dev_folder.hold(dev_folder.DEV_LOCK, 0.3)
        if mine is None:
            running = dev_folder.find(0)
            where = f" (process {running.pid}, {running.web})" if running else ""
            raise failing.fail(f"gateway dev runs in this folder already{where}.")
        dev_folder.withdraw()
        lock = dev_folder.hold(dev_folder.CHILDREN_LOCK, 0.3)
        if lock is None:
            show(Line("waiting for the processes of an earlier run to end", ODD))
            lock = dev_folder.hold(dev_folder.CHILDREN_LOCK, ENDED_WITHIN_S)
    except OSError as error:
        raise failing.fail(f"Cannot use the folder .gateway here: {error.strerror}.") from None
    if lock is None:
        raise failing.fail("Processes of an earlier run are still there: end them first.")
    return lock


def _prepared(port: int, real: bool) -> tuple[Source, Setup]:
    """Check everything that can be checked before anything starts."""
    # The rules tell what became of a change themselves, but not where the mistake is.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with failing.sentences():
        setup = prepare(environment(), port, real=real)
        rules = Source(setup.settings.gateway_rules)
    if why_not := obstacle(port):
        raise failing.fail(f"Cannot listen on {HOST}:{port}: {why_not}.")
    if not setup.redis_port and not embedded.answers(setup.settings.redis_url):
        raise failing.fail(
            "Redis at REDIS_URL does not answer; without REDIS_URL a server is started for you."
        )
    return rules, setup


def _signals() -> list[int]:
    """Let Ctrl-C, SIGTERM and a closed terminal end everything in order."""
    stopping: list[int] = []
    endings = [signal.SIGINT, signal.SIGTERM]
    # Under nohup it is to outlive its terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        endings.append(signal.SIGHUP)
    for ending in endings:
        signal.signal(ending, lambda signum, _: stopping.append(signum))
    return stopping


def _start(family: Family, setup: Setup, stopping: list[int]) -> None:
    """Start the server, then all others at once, and wait until the web process is ready."""
    if setup.redis_port:
        try:
            family.start("server", setup.server(), {})
        except (embedded.NoServerError, OSError) as error:
            hint = "run scripts/install dev, or set REDIS_URL"
            raise failing.fail(f"No server of our own can be started ({error}): {hint}.") from None
        _wait(lambda: embedded.answers(setup.settings.redis_url), family, stopping)
    failing.look_at_store(setup.settings)
    for name, command in setup.commands().items():
        told = setup.sandbox_config() if name == "sandbox" else b""
        family.start(name, command, setup.environment, told)
    with httpx.Client(trust_env=False, timeout=5) as client:
        for page in setup.pages():
            _wait(partial(_is_there, client, page), family, stopping)
    # Beat is the net, not the clock: the first reply does not need it, and it is slow to start.
    family.start("beat", setup.beat(), setup.environment)


def _wait(holds: Callable[[], bool], family: Family, stopping: list[int]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not stopping and not holds():
        _look_for_the_dead(family)
        if time.monotonic() > deadline:
            raise failing.fail(f"Not everything was ready within {READY_WITHIN_S:.0f} s.")
        time.sleep(LOOK_EVERY_S)


def _is_there(client: httpx.Client, page: str) -> bool:
    try:
        return client.get(page).is_success
    except httpx.HTTPError:
        return False


def _watch(family: Family, rules: Source, stopping: list[int]) -> None:
    """Tell of changed rules until the end is asked for, or a child has died."""
    seen = (rules.current().version, rules.problem)
    while not stopping:
        _look_for_the_dead(family)
        rules.look()
        book = rules.current()
        if seen != (book.version, rules.problem):
            seen = (book.version, rules.problem)
            dev_screen.rules_changed(len(book.rules), rules.problem)
        time.sleep(LOOK_EVERY_S)


def _look_for_the_dead(family: Family) -> None:
    if dead := family.died():
        dev_screen.died(dead)
        raise typer.Exit(1)
