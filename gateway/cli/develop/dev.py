"""`gateway dev`: everything in one terminal, with one readable line for each event."""

import logging
import os
import time
from contextlib import closing
from typing import Annotated

import structlog
import typer

from gateway.cli.common import errors
from gateway.cli.local import log_view, startup, trial_hours, workspace
from gateway.cli.local.alert_lines import AlertLines
from gateway.cli.local.environment import LocalSetup, choose_sandbox_port, prepare
from gateway.cli.local.log_line import QUIET, LogLine
from gateway.cli.local.log_view import render_line, show
from gateway.cli.local.processes import Family
from gateway.cli.local.rules_folder import describe_rules, open_rules
from gateway.config.environment import environment
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
                described = describe_rules(setup, rules)
                log_view.welcome(setup, described, time.monotonic() - started)
            with closing(Store(setup.settings.redis_url)) as store:
                _watch(family, setup, rules, AlertLines(store), stopping)
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
        rules = open_rules(setup)
    startup.check_requirements(setup)
    trial_hours.write("")  # hours that were tried yesterday are not those of today
    if setup.sandbox_port:
        workspace.store_sandbox_port(setup.sandbox_port)
    return rules, setup


def _watch(
    family: Family,
    setup: LocalSetup,
    rules: RulebookSource,
    alerts: AlertLines,
    stopping: list[int],
) -> None:
    """Report changed rules and alerts until a signal arrives or a child has died."""
    seen, look_at = (rules.path, rules.current().version, rules.problem), 0.0
    while not stopping:
        startup.exit_if_child_died(family)
        if time.monotonic() > look_at:
            look_at = time.monotonic() + ALERTS_EVERY_S
            for line in alerts.read_new():
                show(line)
        rules.reload_if_changed()
        now = (rules.path, rules.current().version, rules.problem)
        if now != seen:
            _show_change(setup, rules, is_moved=rules.path != seen[0])
            seen = now
        time.sleep(startup.LOOK_EVERY_S)


def _show_change(setup: LocalSetup, rules: RulebookSource, *, is_moved: bool) -> None:
    """Report a change, and tell the other commands in this folder where the rules are now."""
    if is_moved:
        workspace.publish(setup.running(os.getpid()))
        log_view.show_rules_moved(describe_rules(setup, rules))
    else:
        log_view.show_rule_change(len(rules.current().rules), rules.problem)
