"""Reloading: a thread that takes up changed accounts and rules while a worker process runs."""

import os
import socket
import threading
import time

import structlog

from gateway.accounts.rulebooks import AccountRules
from gateway.accounts.source import AccountsSource
from gateway.config.settings import Settings
from gateway.rules.reloader import LOOK_EVERY_S
from gateway.store.planning import rulebooks
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError

log = structlog.get_logger(__name__)

REPORT_EVERY_S = 5.0


class Reloader:
    """Looks at the files each second, and reports to the store what is in force.

    Loading a rulebook of a thousand rules takes a second: the holder of a lease must not wait.
    """

    def __init__(
        self, store: Store, settings: Settings, accounts: AccountsSource, rules: AccountRules
    ) -> None:
        """Take the store for the report, and the sources to look at."""
        self._store, self._main = store, settings.gateway_rules
        self._accounts, self._rules = accounts, rules
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._reported: tuple[InForce, float] | None = None

    def start(self) -> None:
        """Start; it ends with the process."""
        threading.Thread(target=self._run, name="reloading", daemon=True).start()

    def reload_and_report(self) -> None:
        """Take up what changed, and report what is in force. Raises StoreUnavailableError."""
        self._accounts.reload_if_changed()
        self._rules.reload_if_changed()
        version, (problem, *others) = self._rules.current().version, self._rules.problems or ("",)
        current = InForce(
            version, problem, self._rules.has_files, tuple(others), self._accounts.problem
        )
        previous, reported_at = self._reported or (None, 0.0)
        if previous == current and time.monotonic() - reported_at < REPORT_EVERY_S:
            return
        if previous is None:
            rulebooks.forget_ended(self._store)
        rulebooks.report(self._store, self._process, current)
        used = self._accounts.current().rule_paths
        rulebooks.keep_files(self._store, self._main, self._rules.valid_files(), used)
        self._reported = current, time.monotonic()

    def _run(self) -> None:
        while True:
            try:
                self.reload_and_report()
            except (StoreUnavailableError, ScriptError):
                pass  # the rules are in force all the same; reported once the store is back
            except Exception:
                log.exception("rules_look_failed")  # what was in force before stays so
            time.sleep(LOOK_EVERY_S)
