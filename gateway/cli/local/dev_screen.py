"""The screen of `gateway dev`."""

import os
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gateway.cli.local.environment import Setup
from gateway.cli.local.log_view import BAD, GOOD, ODD, Line, many, readable
from gateway.cli.local.processes import Child
from gateway.core.text import printable

_console = Console(highlight=False, soft_wrap=True)


def show(line: Line | None) -> None:
    """Print a line with the time, if there is one."""
    if line:
        now = datetime.now().astimezone()
        _console.print(Text(f"{now:%H:%M:%S} {printable(line.text)}", style=line.style))


def aside() -> None:
    """Print to stderr from now on, since a program reads what is on stdout."""
    _console.stderr = True


def warn(setup: Setup) -> None:
    """Say what is dangerous."""
    if setup.real:
        told = Line("This speaks to the real Meta: real customers get answers.", f"bold {BAD}")
        show(told)
    elif not setup.redis_port:
        show(Line("What waits in the Redis of REDIS_URL goes to the sandbox.", ODD))


def welcome(setup: Setup, rules: Path, number: int, took_s: float) -> None:
    """Say where everything is."""
    rows = {
        "webhook": f"{setup.web}/webhook",
        "meta": setup.sandbox or setup.settings.meta_graph_url,
        "redis": "our own, data in .gateway/" if setup.redis_port else "the one of REDIS_URL",
        "rules": f"{rules}, {many(number, 'rule')}; a change is taken up",
        "play": "" if setup.real else f"{ourselves()} chat     (in another terminal)",
        "stop": "Ctrl-C",
    }
    show(Line(f"ready in {took_s:.1f} s", GOOD))
    _print(f"         {name:8}{value}" for name, value in rows.items() if value)


def rules_changed(number: int, problem: str) -> None:
    """Say what became of a change."""
    if problem:
        show(Line("rules   the change is not taken up, the old rules stay:", BAD))
        _print((f"         {line}" for line in problem.splitlines()), BAD)
    else:
        show(Line(f"rules   taken up: {many(number, 'rule')}", GOOD))


def died(child: Child) -> None:
    """Say which child has ended, and what it wrote last."""
    show(Line(f"{child.name} has ended (exit code {child.process.poll()}). It wrote:", BAD))
    for raw in child.last:
        show(readable(child.name, raw, verbose=True))


def _print(lines: Iterable[str], style: str = "") -> None:
    for line in lines:
        _console.print(Text(printable(line), style=style))


def ourselves() -> str:
    """Return how this command was called."""
    called = Path(os.path.normpath(sys.argv[0]))
    found = called.name == "gateway" and shutil.which("gateway") != str(called)
    return str(called) if found else "gateway"
