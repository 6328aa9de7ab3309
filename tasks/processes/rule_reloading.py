"""Rule reloading: a thread that loads changed rules while a worker process runs."""

import os
import socket
import threading
import time

import structlog

from gateway.rules.reloader import LOOK_EVERY_S, RulebookSource
from gateway.store.planning import rulebooks
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError

log = structlog.get_logger(__name__)

REPORT_EVERY_S = 5.0


class RuleReloader:
    """Looks at the rule files each second, and reports to the store which rules are in force.

    Loading a rulebook of a thousand rules takes a second: the holder of a lease must not wait.
    """

    def __init__(self, store: Store, source: RulebookSource) -> None:
        """Take the store for the report, and the source to look at."""
        self._store, self._source = store, source
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._reported: tuple[InForce, float] | None = None

    def start(self) -> None:
        """Start; it ends with the process."""
        threading.Thread(target=self._run, name="rules", daemon=True).start()

    def reload_and_report(self) -> None:
        """Load changed rules, and report what is in force. Raises StoreUnavailableError."""
        self._source.reload_if_changed()
        source = self._source
        current = InForce(source.current().version, source.problem, has_files=bool(source.files))
        previous, reported_at = self._reported or (None, 0.0)
        if previous == current and time.monotonic() - reported_at < REPORT_EVERY_S:
            return
        if previous is None:
            rulebooks.forget_ended(self._store)
        rulebooks.report(self._store, self._process, current)
        # Rules of before are kept for a start beside a folder that has lost them.
        if current.has_files and not current.problem:
            rulebooks.keep_files(self._store, current.version, self._source.files)
        self._reported = current, time.monotonic()

    def _run(self) -> None:
        while True:
            try:
                self.reload_and_report()
            except (StoreUnavailableError, ScriptError):
                pass  # the rules are in force all the same; reported once the store is back
            except Exception:
                log.exception("rules_look_failed")  # the rules from before stay in force
            time.sleep(LOOK_EVERY_S)
