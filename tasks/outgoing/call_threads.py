"""Threads that call services: bounded for each service and in all, so no slow one has them all.

A call waits for its answer for up to a minute, and a worker's own threads are few: they only begin
what goes on here.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

MOST_CALLS = 64
MOST_OF_SERVICE = 32

log = structlog.get_logger(__name__)


class CallThreads:
    """Runs work for services, each in a thread; the process ends once all of it is done."""

    def __init__(self) -> None:
        """Start no thread yet."""
        self._pool = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="call")
        self._lock = threading.Lock()
        self._running = Counter[str]()

    def start(self, service: str, work: Callable[[], None]) -> bool:
        """Start work for a service; false if as much runs as may."""
        with self._lock:
            if self._running[service] >= MOST_OF_SERVICE or self._running.total() >= MOST_CALLS:
                return False
            self._running[service] += 1
        self._pool.submit(self._run, service, work)
        return True

    def _run(self, service: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # its calls are due again after their leases
            log.error("calls_stopped", service=service, error=type(error).__name__)
        finally:
            with self._lock:
                self._running[service] -= 1
