"""A steady load that behaves as Meta does: each message is delivered until it is acknowledged."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 24
PATIENCE_S = 120.0
PAUSE_S = 0.05


class Load:
    """Posts delivery after delivery, by number; `post` tells whether one was acknowledged."""

    def __init__(self, post: Callable[[int], bool], rate: float, first: int = 0) -> None:
        self.next = first
        self.fault = ""  # what is being broken at this moment
        self.kept: dict[int, str] = {}  # acknowledged deliveries, each with the fault of its moment
        self._post = post
        self._rate = rate
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._thread = threading.Thread(target=self._run, name="load")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Deliver nothing new, and return once all that was begun is acknowledged or given up."""
        self._over.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        first, began = self.next, time.monotonic()
        while not self._over.wait(self._due_in(began, self.next - first)):
            self._pool.submit(self._deliver, self.next, self.fault)
            self.next += 1

    def _due_in(self, began: float, count: int) -> float:
        return max(0.0, began + count / self._rate - time.monotonic())

    def _deliver(self, message: int, fault: str) -> None:
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            if self._post(message):
                self.kept[message] = fault
                return
            time.sleep(PAUSE_S)
