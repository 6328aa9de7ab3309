"""Loop: work that a thread repeats beside everything else, whatever goes wrong."""

import threading
from collections.abc import Callable

import structlog

from gateway.store.redis.client import ScriptError, StoreUnavailableError

log = structlog.get_logger(__name__)

PAUSE_S = 1.0


def _do_nothing() -> None:
    """Do nothing."""


class Loop:
    """Thread that survives every error of its work, and ends on request."""

    def __init__(
        self,
        name: str,
        every_s: float,
        work: Callable[[], None],
        first: Callable[[], None] = _do_nothing,
        last: Callable[[], None] = _do_nothing,
    ) -> None:
        """Take the work, and what the thread does once before and once after it."""
        self._name, self._every_s = name, every_s
        self._work, self._first, self._last = work, first, last
        self._stop_event = threading.Event()
        self._error = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Request the end, and return at once."""
        self._stop_event.set()

    def join(self, within_s: float) -> bool:
        """Wait for the end; false if it has not ended yet, and then it dies with its process."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._run_once(self._first)
        wait_s = self._every_s
        while not self._stop_event.wait(wait_s):
            wait_s = self._every_s if self._run_once(self._work) else PAUSE_S
        self._run_once(self._last)

    def _run_once(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except ScriptError as error:
            # Keys of one thing are damaged; all others were processed, and need not wait.
            self._log_transition(type(error).__name__)
            return True
        except StoreUnavailableError as error:
            self._log_transition(type(error).__name__)
        except Exception as error:
            if type(error).__name__ != self._error:
                log.exception("loop_failed", thread=self._name)
            self._error = type(error).__name__
        else:
            self._log_transition("")
            return True
        return False

    def _log_transition(self, error: str) -> None:
        """Log once that the work began to fail, and once that it works again."""
        if error and not self._error:
            log.warning("loop_failing", thread=self._name, error=error)
        elif self._error and not error:
            log.info("loop_recovered", thread=self._name)
        self._error = error
