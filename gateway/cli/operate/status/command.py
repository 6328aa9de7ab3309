"""`gateway status`: the state of the gateway, on one screen that stays up to date."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from gateway.cli.common.output import print_json
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.cli.operate.status.view import StatusView, screen
from gateway.rules.loader import load
from gateway.rules.problems import RulebookError
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.redis.client import Store, StoreUnavailableError

EVERY_S = 1.0
WRONG = 1


@dataclass(frozen=True, slots=True)
class StatusWatch:
    """Reads the state of one gateway repeatedly."""

    store: Store
    limit_bytes: int
    rules: Path

    def view(self, before: Snapshot | None = None) -> StatusView:
        """Read the state now, and compare it with the previous reading."""
        return StatusView(self._read(), before, self._rulebook())

    def _read(self) -> Snapshot | None:
        try:
            return snapshot.read(self.store, self.limit_bytes)
        except StoreUnavailableError:
            return None

    def _rulebook(self) -> str:
        try:
            return load(self.rules).version
        except RulebookError:
            return ""


def status(
    once: Annotated[bool, typer.Option("--once", help="Print it once and end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, once.")] = False,
) -> None:
    """Show how everything stands; printed once, the exit code is 1 where something is wrong."""
    given = target.settings()
    console = Console(highlight=False)
    with open_store(given.redis_url) as store, suppress(KeyboardInterrupt):
        watch = StatusWatch(store, given.gateway_store_bytes, given.gateway_rules)
        if once or json or not console.is_terminal:
            _print(watch, console, json=json)
        else:
            _follow(watch, console)


def _print(watch: StatusWatch, console: Console, *, json: bool) -> None:
    view = watch.view()
    if view.now:
        time.sleep(EVERY_S)  # A rate needs two readings.
        view = watch.view(view.now)
    if json:
        print_json(view.to_dict())
    else:
        console.print(screen(view))
    if view.problems:
        raise typer.Exit(WRONG)


def _follow(watch: StatusWatch, console: Console) -> None:
    view = watch.view()
    with Live(screen(view), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            view = watch.view(view.now)
            live.update(screen(view), refresh=True)
