"""What one process knows of the numbers that it sends for, and which of its tasks serves them."""

import math
import threading
import time
from dataclasses import dataclass, field

from gateway.core.sending.outcome import Outcome
from gateway.store.sending.lanes import Lanes, Taken
from tasks.processes.http_pool import Bell, InFlightPosts

LINGER_S = 0.01
MOST_IDLE = 2
MOST_WAIT_S = 2.0  # for a number that rests; the tick rings when it may go on
# A lane that becomes ready while answers are slow is found by asking; all else makes itself known.
ASK_EVERY_S = 0.5
# For so long a store that is away is asked again; a worker that is told to end has 18 s.
PATIENCE_S = 12.0
AGAIN_S = 0.5
NEVER = math.inf


@dataclass(slots=True)
class Served:
    """One number that is served. Moments are of the monotonic clock."""

    number: str
    lanes: Lanes
    ranks: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)  # known, and not settled yet
    on_the_way: int = 0
    due_at: float = 0.0  # when to ask for more; NEVER where nothing was left
    asked_at: float = 0.0
    idle: int = 0
    more: bool = False  # something is ready beyond what was taken last
    away_since: float | None = None  # the store does not answer for this number
    asking: bool = False  # and is being asked once more
    told: bool = False  # that it has been away for too long

    def ring(self, rank: str) -> None:
        """Take up that there is something to send."""
        self.ranks.add(rank)
        self.idle, self.due_at = 0, 0.0

    def take_up(self, taken: Taken, ends: float) -> None:
        """Decide when to ask again, by what was taken and what is ready; `ends` is the slice's."""
        now = time.monotonic()
        self.asked_at, self.more = now, taken.more
        self.away_since, self.told = None, False
        self.outcomes += taken.unopened
        self.on_the_way += len(taken.attempts)
        self.idle = 0 if self.on_the_way or self.outcomes else self.idle + 1
        self.due_at = now + self._pause_s(taken)
        too_long = self.idle > MOST_IDLE or taken.wait_s > MOST_WAIT_S
        if self.idle and (self.due_at > ends or (too_long and not taken.more)):
            self.due_at = NEVER

    def _pause_s(self, taken: Taken) -> float:
        if taken.more or self.idle:
            return max(taken.wait_s, 0.0 if taken.attempts else LINGER_S)
        return ASK_EVERY_S

    def miss(self) -> None:
        """Note that the store is away, for this number at least, and is to be asked again."""
        now = time.monotonic()
        self.away_since = now if self.away_since is None else self.away_since
        self.asked_at, self.due_at = now, now + AGAIN_S

    def may_take(self, free: int) -> bool:
        """Say whether its share of the posts that are free is one at least."""
        return free > 0 and (not self.on_the_way or self.on_the_way + 1 < free)

    def next_at(self, free: int) -> float:
        """Return when to ask the store for it, where `free` posts may be begun."""
        if self.asking:
            return NEVER
        if self.away_since is not None:
            return self.due_at
        if self.outcomes:
            return 0.0
        return self.due_at if self.may_take(free) else NEVER

    @property
    def given_up(self) -> bool:
        """Say whether the store has been away for too long to wait for it."""
        return self.away_since is not None and time.monotonic() > self.away_since + PATIENCE_S

    @property
    def open(self) -> bool:
        """Say whether something is on the way, or is to be settled and may soon be."""
        waits = bool(self.outcomes) if self.away_since is None else not self.given_up
        return bool(self.on_the_way) or self.asking or waits

    @property
    def works(self) -> bool:
        """Say whether there may be something to do for it in this slice."""
        return self.open or (self.away_since is None and self.due_at < NEVER)

    @property
    def wanting(self) -> bool:
        """Say whether more is ready, or it was rung for and not asked about since."""
        return self.more or self.due_at == 0.0

    @property
    def done(self) -> bool:
        """Say whether nothing of it is left, here and as far as is known."""
        return not (self.open or self.wanting or self.outcomes or self.away_since is not None)


class Sender:
    """The numbers that this process sends for, served by one of its tasks at a time.

    Whoever is first serves all of them for a slice of time; the others hand their number over and
    are done. After its slice it only waits for the answers that are on the way, and whoever comes
    then relieves it. What one leaves behind, the next finds here.
    """

    def __init__(self) -> None:
        """Serve nothing yet."""
        self.served: dict[str, Served] = {}
        self.posts = InFlightPosts()
        self.turn = threading.Lock()  # of who serves; nobody else touches what is served
        self._lock = threading.Lock()
        self._taken = False

    def hand_over(self, number: str, rank: str) -> bool:
        """Make a number known as ready; true where the caller has to serve, as nobody does."""
        with self._lock:
            self.posts.put(Bell(number, rank))
            first, self._taken = not self._taken, True
            return first

    def close(self) -> None:
        """Take over no more numbers; what was handed over just before is heard after this."""
        with self._lock:
            self._taken = False

    @property
    def relieved(self) -> bool:
        """Say whether somebody else came to serve since the last one closed."""
        return self._taken
