"""State of the numbers that one process sends for, and which of its tasks serves them."""

import math
import threading
import time
from dataclasses import dataclass, field

from gateway.core.sending.outcome import Outcome
from gateway.store.sending.lanes import Lanes, PumpResult
from tasks.processes.post_concurrency import Bell, InFlightPosts

LINGER_S = 0.01
MOST_IDLE = 2
MOST_WAIT_S = 2.0  # for a number that rests; the tick sends a wake-up when it may go on
# Only asking finds a lane that becomes ready while answers are slow; all else sends an event.
ASK_EVERY_S = 0.5
# For so long an unavailable store is asked again; a worker that is asked to stop has 18 s.
PATIENCE_S = 12.0
RETRY_S = 0.5
NEVER = math.inf


@dataclass(slots=True)
class ServedNumber:
    """State of one number. Times are of the monotonic clock."""

    number: str
    lanes: Lanes
    priorities: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)  # known, and not settled yet
    in_flight: int = 0
    due_at: float = 0.0  # when to ask for more; NEVER if nothing was left
    asked_at: float = 0.0
    idle_rounds: int = 0
    has_more: bool = False  # something is ready beyond what was taken last
    away_since: float | None = None  # the store does not answer for this number
    is_asking: bool = False  # and a background thread is asking it again
    is_reported: bool = False  # the error for being unavailable too long was raised

    def ring(self, priority: str) -> None:
        """Note that there is something to send."""
        self.priorities.add(priority)
        self.idle_rounds, self.due_at = 0, 0.0

    def stop_taking(self) -> None:
        """Take nothing more, since no account has the number now; outcomes are still settled."""
        self.priorities.clear()
        self.has_more, self.due_at = False, NEVER

    def schedule_after(self, taken: PumpResult, deadline: float) -> None:
        """Decide when to ask again, by what was taken and what is ready, within the slice."""
        now = time.monotonic()
        self.asked_at, self.has_more = now, taken.has_more
        self.away_since, self.is_reported = None, False
        self.outcomes += taken.unopened
        self.in_flight += len(taken.attempts)
        self.idle_rounds = 0 if self.in_flight or self.outcomes else self.idle_rounds + 1
        self.due_at = now + self._pause_s(taken)
        too_long = self.idle_rounds > MOST_IDLE or taken.wait_s > MOST_WAIT_S
        if self.idle_rounds and (self.due_at > deadline or (too_long and not taken.has_more)):
            self.due_at = NEVER

    def _pause_s(self, taken: PumpResult) -> float:
        if taken.has_more or self.idle_rounds:
            return max(taken.wait_s, 0.0 if taken.attempts else LINGER_S)
        return ASK_EVERY_S

    def mark_store_away(self) -> None:
        """Note that the store is unavailable, for this number at least, and when to ask again."""
        now = time.monotonic()
        self.away_since = now if self.away_since is None else self.away_since
        self.asked_at, self.due_at = now, now + RETRY_S

    def may_take(self, free: int) -> bool:
        """Return whether its share of the free posts is at least one."""
        return free > 0 and (not self.in_flight or self.in_flight + 1 < free)

    def next_at(self, free: int) -> float:
        """Return when to ask the store for it, given that `free` posts may begin."""
        if self.is_asking:
            return NEVER
        if self.away_since is not None:
            return self.due_at
        if self.outcomes:
            return 0.0
        return self.due_at if self.may_take(free) else NEVER

    @property
    def has_timed_out(self) -> bool:
        """Return whether the store has been unavailable for too long to wait for it."""
        return self.away_since is not None and time.monotonic() > self.away_since + PATIENCE_S

    @property
    def is_busy(self) -> bool:
        """Return whether a post is in flight, or an outcome is to be settled and may soon be."""
        waits = bool(self.outcomes) if self.away_since is None else not self.has_timed_out
        return bool(self.in_flight) or self.is_asking or waits

    @property
    def has_work(self) -> bool:
        """Return whether there may be work for it in this slice."""
        return self.is_busy or (self.away_since is None and self.due_at < NEVER)

    @property
    def has_pending(self) -> bool:
        """Return whether more is ready, or a wake-up came that was not followed by a call yet."""
        return self.has_more or self.due_at == 0.0

    @property
    def is_done(self) -> bool:
        """Return whether nothing of it is left, here and as far as is known."""
        return not (
            self.is_busy or self.has_pending or self.outcomes or self.away_since is not None
        )


class Sender:
    """Numbers that this process sends for, served by one of its tasks at a time.

    The first task serves all of them for a slice of time; the others hand over their number and
    are done. After its slice it only waits for the answers of posts in flight, and the next task
    then relieves it. What one leaves behind, the next finds here.
    """

    def __init__(self) -> None:
        """Serve nothing yet."""
        self.served: dict[str, ServedNumber] = {}
        self.posts = InFlightPosts()
        self.serve_lock = threading.Lock()  # held by the serving task, which alone touches `served`
        self._lock = threading.Lock()
        self._is_serving = False

    def hand_over(self, number: str, priority: str) -> bool:
        """Hand over a number that is ready; true if the caller has to serve, as no task does."""
        with self._lock:
            self.posts.put(Bell(number, priority))
            first, self._is_serving = not self._is_serving, True
            return first

    def close(self) -> None:
        """Accept no more numbers; what was handed over just before is read after this."""
        with self._lock:
            self._is_serving = False

    @property
    def is_relieved(self) -> bool:
        """Return whether another task came to serve since the last one closed."""
        return self._is_serving
