"""Posts that are on the way, many at once, and their answers as they come in."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from queue import Empty, SimpleQueue

from gateway.core.outcome import Attempt, Outcome
from gateway.store.lanes import Taken

PATIENCE_S = 0.05
GATHER_S = 0.005


class Posts:
    """The posts of one pump; used by its thread only."""

    def __init__(
        self, pool: ThreadPoolExecutor, make: Callable[[Attempt, datetime, float], Outcome]
    ) -> None:
        """Take how an attempt is made: from it, the server's time and the moment of its taking."""
        self._pool, self._make = pool, make
        self._answered: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self.on_the_way = 0

    def begin(self, taken: Taken) -> None:
        """Post what was taken."""
        taken_at = time.monotonic()
        for attempt in taken.attempts:
            post = self._pool.submit(self._make, attempt, taken.now, taken_at)
            post.add_done_callback(self._answered.put)
            self.on_the_way += 1

    def answers(self) -> list[Outcome]:
        """Wait a moment for an answer, and for those right behind it: one call settles them all."""
        if not self.on_the_way:
            return []
        try:
            first = self._answered.get(timeout=PATIENCE_S)
        except Empty:
            return []
        self.on_the_way -= 1
        if self._answered.qsize() < self.on_the_way:
            time.sleep(GATHER_S)  # To be woken by each of them would cost more than the wait does.
        return [first.result(), *self._take(self._answered.qsize())]

    def all_answers(self) -> list[Outcome]:
        """Wait for every answer."""
        return self._take(self.on_the_way)

    def _take(self, count: int) -> list[Outcome]:
        self.on_the_way -= count
        return [self._answered.get().result() for _ in range(count)]
