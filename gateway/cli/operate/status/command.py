"""`gateway status`: the state of the gateway, on one screen that stays up to date."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from gateway.accounts.account import Account, Accounts
from gateway.accounts.rulebooks import RuleFiles, RulesInForce
from gateway.cli.common.accounts import (
    AccountName,
    choose_account,
    load_if_usable,
    load_or_end,
)
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.cli.operate.status.figures import MOST_BARS
from gateway.cli.operate.status.view import StatusView, screen
from gateway.config.settings import Settings
from gateway.rules.problems import RulebookError
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.outgoing.receiver_states import mark_unnamed
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks.monitoring.worker_ping import BrokerAwayError, count_listeners

EVERY_S = 1.0
CHECK_EVERY_S = 10.0
WRONG = 1


@dataclass(frozen=True, slots=True)
class StatusWatch:
    """Reads the state of one gateway repeatedly."""

    store: Store
    settings: Settings
    accounts: Accounts | None = None  # None where their file cannot be used here
    account: Account | None = None  # the one that alone is shown

    def view(
        self, last: StatusView | None = None, listeners: Mapping[str, int] | None = None
    ) -> StatusView:
        """Read the state now, and compare it with the previous readings."""
        before = last.now if last else None
        earlier = (*last.earlier, *([last.before] if last.before else [])) if last else ()
        rules = self._read_rules()
        rulebook = rules.version if rules and rules.is_whole else ""
        return StatusView(self._read(rules), before, rulebook, listeners, earlier[-MOST_BARS:])

    def count_listeners(self) -> Mapping[str, int] | None:
        """Ask the workers for their queues; None if the broker does not answer."""
        try:
            return count_listeners(self.settings)
        except BrokerAwayError:
            return None

    def _read(self, rules: RulesInForce | None) -> Snapshot | None:
        try:
            now = snapshot.read(self.store, self.settings.gateway_store_bytes, self.accounts)
        except StoreUnavailableError:
            return None
        if rules:
            now = replace(now, receivers=tuple(mark_unnamed(now.receivers, rules)))
        return now.of_accounts(self.account) if self.account else now

    def _read_rules(self) -> RulesInForce | None:
        """Return the rules in the files here, None where none can be used."""
        if (accounts := self.accounts) is None:
            return None
        try:
            return RuleFiles.of(self.settings, lambda: accounts).read()
        except RulebookError:
            return None


class QueueCheck:
    """Thread that asks the workers now and then for their queues, while the screen goes on."""

    def __init__(self, watch: StatusWatch) -> None:
        """Start to ask; `latest` is None until the first answer."""
        self.latest: Mapping[str, int] | None = None
        self._watch = watch
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.latest = self._watch.count_listeners()
            time.sleep(CHECK_EVERY_S)


def status(
    once: Annotated[bool, typer.Option("--once", help="Print it once and end.")] = False,
    seconds: Annotated[
        int,
        typer.Option(help="Watch rates for so long, when it is printed once.", min=1, max=3600),
    ] = 1,
    account: AccountName = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON, once.")] = False,
) -> None:
    """Show how everything stands; printed once, the exit code is 1 where something is wrong."""
    given = target.settings()
    only = choose_account(load_or_end(given), account) if account else None
    console = open_console()
    with open_store(given.redis_url) as store, suppress(KeyboardInterrupt):
        watch = StatusWatch(store, given, load_if_usable(given), only)
        if once or json or not console.is_terminal:
            _print(watch, console, seconds, json=json)
        else:
            _follow(watch, console)


def _print(watch: StatusWatch, console: Console, seconds: int, *, json: bool) -> None:
    view, began = watch.view(), time.monotonic()
    if view.now:
        listeners = watch.count_listeners()
        for second in range(1, seconds + 1):  # a rate needs two readings
            time.sleep(max(0.0, began + second * EVERY_S - time.monotonic()))
            view = watch.view(view, listeners)
    if json:
        print_json(view.to_dict())
    else:
        console.print(screen(view))
    if view.problems:
        raise typer.Exit(WRONG)


def _follow(watch: StatusWatch, console: Console) -> None:
    view, queues = watch.view(), QueueCheck(watch)
    with Live(screen(view), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            view = watch.view(view, queues.latest)
            live.update(screen(view), refresh=True)
