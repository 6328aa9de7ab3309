"""Posts in flight, many at once, and the other events that the sending loop waits for."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from gateway.core.sending.outcome import Outcome
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.store.sending.lanes import PumpResult

# Posts of one process, each in a thread of its own, whatever the number of phone numbers.
SENDS_AT_ONCE = 256
# Events are gathered for a moment, longer for more numbers: to wake up for each answer would
# cost more than the wait does. A number's bucket holds what it earns in 100 ms.
GATHER_S, GATHER_EACH_S, MOST_GATHER_S = 0.005, 0.00025, 0.05

Reply = PumpResult | StoreUnavailableError | ScriptError


@dataclass(frozen=True, slots=True)
class Bell:
    """Wake-up for a number, and its priority."""

    number: str
    priority: str


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """Outcome of an attempt of a number."""

    number: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class StoreReplies:
    """Replies of the store about numbers for which it had been unavailable."""

    of: Sequence[tuple[str, Reply]]


LoopEvent = Bell | FinishedAttempt | StoreReplies


class InFlightPosts:
    """Posts and events of one process; all but `put` is for the thread that runs the loop."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._events: SimpleQueue[LoopEvent] = SimpleQueue()
        self.in_flight = 0

    @property
    def free(self) -> int:
        """Return how many more posts may begin."""
        return max(0, SENDS_AT_ONCE - self.in_flight)

    def put(self, event: LoopEvent) -> None:
        """Hand an event to the loop."""
        self._events.put(event)

    def begin(
        self,
        pool: ThreadPoolExecutor,
        number: str,
        attempt: Callable[[], Outcome],
        on_error: Callable[[Exception], Outcome],
    ) -> None:
        """Make an attempt in a thread; `on_error` makes the outcome of one that raises."""

        def run() -> FinishedAttempt:
            try:
                return FinishedAttempt(number, attempt())
            except Exception as error:
                return FinishedAttempt(number, on_error(error))

        self.in_flight += 1
        self.submit(pool, run)

    def submit(self, pool: ThreadPoolExecutor, work: Callable[[], LoopEvent]) -> None:
        """Do work that may take long in a thread, and put its event into the loop."""
        pool.submit(lambda: self._events.put(work()))

    def wait_for_events(self, timeout_s: float, numbers: int) -> list[LoopEvent]:
        """Wait for the first event, and gather those right behind it."""
        try:
            first = self._events.get(timeout=max(0.0, timeout_s))
        except Empty:
            return []
        if self._events.qsize() + 1 < self.in_flight:
            time.sleep(gather_s(numbers))
        events = [first, *(self._events.get() for _ in range(self._events.qsize()))]
        self.in_flight -= sum(isinstance(one, FinishedAttempt) for one in events)
        return events


def gather_s(numbers: int) -> float:
    """Return for how long to gather events when so many numbers are served."""
    return min(MOST_GATHER_S, GATHER_S + GATHER_EACH_S * numbers)
