"""Threads that wait for strangers: bounded for each and in all, so no slow one has them all.

An answer may take up to a minute, and a worker's own threads are few: they only begin what goes on
here, or the wake-ups of all others would wait behind the slowest.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from tasks.processes.ending import finish_at_end

log = structlog.get_logger(__name__)


class BoundedThreads:
    """Runs work for strangers, each in a thread; a worker that ends waits for all of it."""

    def __init__(self, name: str, most: int, most_of_each: int) -> None:
        """Take how many threads may run at once, in all and for one stranger; start none yet."""
        self._most, self._most_of_each = most, most_of_each
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._running = Counter[str]()
        self._is_closed = False
        finish_at_end(self.close)

    def start(self, stranger: str, work: Callable[[], None]) -> bool:
        """Start work for a stranger; false if as much runs as may, or the worker ends."""
        with self._lock:
            running = self._running
            is_full = running.total() >= self._most or running[stranger] >= self._most_of_each
            if is_full or self._is_closed:
                return False
            running[stranger] += 1
            self._pool.submit(self._run, stranger, work)
        return True

    def close(self) -> None:
        """Wait for all that runs; nothing can be started any more."""
        with self._lock:
            self._is_closed = True
        self._pool.shutdown()

    def _run(self, stranger: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # what was taken is due again after its lease
            log.error("outgoing_stopped", to=stranger, error=type(error).__name__)
        finally:
            with self._lock:
                self._running[stranger] -= 1
