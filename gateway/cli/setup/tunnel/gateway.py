"""Gateway behind the tunnel: one that runs already, or one that is started for it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from gateway.cli.common import callback_probe, errors
from gateway.cli.common.callback_probe import Probe, ProbeCheck
from gateway.cli.local import startup, workspace
from gateway.cli.local.environment import LocalSetup, prepare, rehearse
from gateway.cli.local.log_line import BAD, ODD
from gateway.cli.local.log_view import render_line
from gateway.cli.local.ports import HOST
from gateway.cli.local.processes import Family
from gateway.cli.local.rules_folder import describe_rules, open_rules
from gateway.cli.local.workspace import Running
from gateway.cli.setup.tunnel.screen import Screen

How = Literal["start", "use_dev", "use_serve"]
TIMEOUT_S = 5.0
PLAYS = "gateway dev plays with a sandbox here: end it, since gateway tunnel starts all it needs."


@dataclass(frozen=True, slots=True)
class Behind:
    """A gateway: its port, its store, and its processes if we started them."""

    port: int
    redis_url: str
    description: str
    family: Family | None = None

    def check_processes(self) -> None:
        """End the command if one of our processes has died."""
        if self.family:
            startup.exit_if_child_died(self.family)


def choose(running: Running | None, port: int, *, is_answering: bool, real: bool) -> How | str:
    """Choose the gateway, or return one sentence that says why there is none; pure.

    A running gateway that sends for real is used only with `real`; its mode cannot be changed here.
    """
    if running is not None and running.sandbox:
        return PLAYS
    if running is None and not is_answering:
        return "start"
    if not real:
        where = running.web if running else f"http://{HOST}:{port}"
        return (
            f"The gateway that runs at {where} sends for real: say --real to use it, or end it and "
            "gateway tunnel starts one whose replies go to a sandbox."
        )
    return "use_dev" if running else "use_serve"


def find(given: Mapping[str, str], port: int, *, real: bool) -> Behind | None:
    """Return the gateway that runs here already, None if one must be started."""
    running = workspace.find_running()
    how = choose(running, port, is_answering=_is_answering(port), real=real)
    if how == "start":
        return None
    if how == "use_dev" and running is not None:
        at = int(running.web.rpartition(":")[2])
        return Behind(at, running.redis_url, f"the gateway dev of this folder, at {running.web}")
    if how == "use_serve":
        return Behind(port, _redis_url(given), f"the one that runs at http://{HOST}:{port}")
    raise errors.fail(how)


@contextmanager
def start_gateway(
    given: Mapping[str, str], port: int, screen: Screen, stopping: list[int], *, real: bool
) -> Iterator[Behind]:
    """Yield a gateway that is started now, and ended afterwards."""
    lock = startup.lock_folder()
    with errors.exit_on_config_error():
        setup = prepare(given, port, real=True) if real else rehearse(given, port)
        rules = open_rules(setup)
    if not rules.files:
        screen.show(ProbeCheck("rules", "odd", describe_rules(setup, rules)))
    startup.check_requirements(setup)
    screen.show(ProbeCheck("gateway", "wait", "is starting"))
    with Family(lambda child, raw: _show(screen, child, raw), lock) as family:
        try:
            startup.start(family, setup, stopping)
            yield Behind(port, setup.settings.redis_url, _describe(setup), family)
        finally:
            workspace.withdraw()


def _describe(setup: LocalSetup) -> str:
    where = "the real Meta" if setup.is_real else "a sandbox"
    return f"started at {setup.web}; what it sends goes to {where}"


def _show(screen: Screen, child: str, raw: str) -> None:
    """Show only unusual lines; the checklist itself reports messages and replies."""
    line = render_line(child, raw)
    if line and line.style in (ODD, BAD, f"bold {BAD}"):
        screen.log(line)


def _redis_url(given: Mapping[str, str]) -> str:
    with errors.exit_on_config_error():
        setup = prepare(given, 1, real=True)
    if setup.redis_port:
        raise errors.fail("REDIS_URL is not set: it says where the gateway that runs here keeps.")
    return setup.settings.redis_url


def _is_answering(port: int) -> bool:
    """Return whether a gateway listens on a port of this machine."""
    with Probe(f"http://{HOST}:{port}", TIMEOUT_S) as probe:
        return callback_probe.check_health(probe.request_health()).tone == "good"
