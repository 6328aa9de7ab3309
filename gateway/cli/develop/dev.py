"""`gateway dev`: everything in one terminal, with one readable line for each event."""

import logging
import time
from contextlib import closing
from typing import Annotated

import structlog
import typer

from gateway.cli.common import errors
from gateway.cli.local import log_view, startup, trial_hours, workspace
from gateway.cli.local.alert_lines import AlertLines
from gateway.cli.local.environment import LocalSetup, choose_sandbox_port, prepare
from gateway.cli.local.log_view import QUIET, LogLine, render_line, show
from gateway.cli.local.processes import Family
from gateway.config.settings import environment
from gateway.rules.reloader import RulebookSource
from gateway.store.redis.client import Store

ALERTS_EVERY_S = 1.0


def dev(
    port: Annotated[int, typer.Option(help="Port of the webhook.", min=1, max=65535)] = 8000,
    real: Annotated[bool, typer.Option(help="Speak to the real Meta, as .env says.")] = False,
    sandbox_port: Annotated[
        int | None,
        typer.Option(help="Port of the sandbox [that of the last run].", min=1, max=65535),
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Show every line of every process.")] = False,
) -> None:
    """Start everything in one terminal: server, web, workers, beat, and a sandbox for Meta."""
    started = time.monotonic()
    lock = startup.lock_folder()
    rules, setup = _prepare_setup(port, real, sandbox_port)
    log_view.warn(setup)
    stopping = startup.catch_signals()
    with Family(lambda child, raw: show(render_line(child, raw, verbose=verbose)), lock) as family:
        try:
            startup.start(family, setup, stopping)
            if not stopping:
                rule_count = len(rules.current().rules)
                log_view.welcome(setup, rules.path, rule_count, time.monotonic() - started)
            with closing(Store(setup.settings.redis_url)) as store:
                _watch(family, rules, AlertLines(store), stopping)
        finally:
            workspace.withdraw()
            show(LogLine("stopping everything", QUIET))


def _prepare_setup(
    port: int, real: bool, sandbox_port: int | None
) -> tuple[RulebookSource, LocalSetup]:
    """Run every check that is possible before anything starts."""
    # The rulebook source reports the result of a change itself, but not the place of a mistake.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with errors.exit_on_config_error():
        chosen = choose_sandbox_port(port) if sandbox_port is None else sandbox_port
        setup = prepare(environment(), port, real=real, sandbox_port=chosen)
        rules = RulebookSource(setup.settings.gateway_rules)
    startup.check_requirements(setup)
    trial_hours.write("")  # hours that were tried yesterday are not those of today
    if setup.sandbox_port:
        workspace.store_sandbox_port(setup.sandbox_port)
    return rules, setup


def _watch(family: Family, rules: RulebookSource, alerts: AlertLines, stopping: list[int]) -> None:
    """Report changed rules and alerts until a signal arrives or a child has died."""
    seen, look_at = (rules.current().version, rules.problem), 0.0
    while not stopping:
        startup.exit_if_child_died(family)
        if time.monotonic() > look_at:
            look_at = time.monotonic() + ALERTS_EVERY_S
            for line in alerts.read_new():
                show(line)
        rules.reload_if_changed()
        book = rules.current()
        if seen != (book.version, rules.problem):
            seen = (book.version, rules.problem)
            log_view.show_rule_change(len(book.rules), rules.problem)
        time.sleep(startup.LOOK_EVERY_S)
