"""The loop that serves all numbers of a process: in each round, one call for each that is due."""

import time
from collections.abc import Sequence
from functools import partial

from gateway.core.sending.fair_shares import shares
from gateway.core.sending.outcome import Outcome
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending.lanes import Damage, Lanes, Taken, pump_all
from tasks.context import WorkerContext
from tasks.monitoring.alerts import note_damage
from tasks.processes.ending import is_told, told_to_end
from tasks.processes.http_pool import Answered, Bell, Heard, Replies, Reply, gather_s
from tasks.processes.served_numbers import NEVER, Served
from tasks.sending import attempts
from tasks.sending.account_effects import heed
from tasks.wakeup import ring_number

# A task serves for so long, unless its worker is told to end; for less where it would not know of
# that, since a worker has 18 s then. To begin anew costs a bell for each number that has more.
SLICE_S = 30.0
SLICE_UNTOLD_S = 2.0
# What one script call settles, and takes, at most: a script holds up everybody.
AT_ONCE = 64
# However many numbers have more ready than this process may post, it calls others no more often.
HELP_EVERY_S = 0.1
MOST_WAIT_S = 1.0


class SendRounds:
    """What one task does for the numbers of its process, while it has the turn."""

    def __init__(self, at_work: WorkerContext) -> None:
        """Begin a slice."""
        self._at_work = at_work
        self._sender, self._posts = at_work.sender, at_work.sender.posts
        self._served = at_work.sender.served
        self._ends = time.monotonic() + (SLICE_S if is_told() else SLICE_UNTOLD_S)
        self._helped_at = 0.0
        self._error: Exception | None = None

    def work(self) -> None:
        """Take, post and settle until the slice is over, or nothing is left to do."""
        for one in self._served.values():
            one.idle, one.due_at = 0, 0.0
        works = True
        try:
            while works and time.monotonic() < self._ends and not told_to_end():
                self._hear(self._wait_s(self._posts.free))
                self._round(self._posts.free)
                works = any(one.works for one in self._served.values())
        finally:
            self._sender.close()
        self._hear(0.0)  # what was handed over at the last moment

    def finish(self) -> None:
        """Settle what is on the way, and take nothing more, until somebody else serves."""
        self._ends = NEVER
        while not self._sender.relieved and any(one.open for one in self._served.values()):
            self._round(0)
            self._hear(self._wait_s(0))

    def leave(self) -> list[tuple[str, str]]:
        """Forget the numbers that are done with; return those to ring for, with their ranks."""
        for one in [one for one in self._served.values() if one.done]:
            del self._served[one.number]
        wanting = [one for one in self._served.values() if one.wanting]
        return [(one.number, rank) for one in wanting for rank in sorted(one.ranks)]

    def failure(self) -> Exception | None:
        """Return, once, why numbers could not be settled for too long."""
        given_up = [one for one in self._served.values() if one.given_up and not one.told]
        for one in given_up:
            one.told = True
        return self._error if given_up else None

    def _wait_s(self, free: int) -> float:
        """Return how long nothing is to be done unless something is heard."""
        now = time.monotonic()
        due_at = min((one.next_at(free) for one in self._served.values()), default=NEVER)
        wait_s = min(due_at, self._ends, now + MOST_WAIT_S) - now
        return max(wait_s, gather_s(len(self._served)))

    def _hear(self, timeout_s: float) -> None:
        for heard in self._posts.hear(timeout_s, len(self._served)):
            self._take_in(heard)

    def _take_in(self, heard: Heard) -> None:
        match heard:
            case Bell(number, rank):
                self._of(number).ring(rank)
            case Answered(number, outcome):
                one = self._of(number)
                one.outcomes.append(outcome)
                one.on_the_way -= 1
            case Replies(replies):
                for number, reply in replies:
                    self._of(number).asking = False
                    self._heed(self._of(number), reply)

    def _of(self, number: str) -> Served:
        if number not in self._served:
            self._served[number] = Served(number, self._at_work.lanes(number))
        return self._served[number]

    def _round(self, free: int) -> None:
        """Settle and take for every number that is due, all in one round trip."""
        by = time.monotonic() + gather_s(len(self._served)) / 2
        due = [one for one in self._served.values() if one.next_at(free) <= by]
        if away := [one for one in due if one.away_since is not None]:
            self._ask_apart(away)
        here = sorted((one for one in due if one.away_since is None), key=lambda one: one.asked_at)
        mosts = shares(free, [one.on_the_way for one in here])
        asked = [(one, min(AT_ONCE, most)) for one, most in zip(here, mosts, strict=True)]
        asked = [(one, most) for one, most in asked if most or one.outcomes]
        wanted = [(one.lanes, _settled(one), most) for one, most in asked]
        for (one, _), reply in zip(asked, pump_all(self._at_work.store, wanted), strict=True):
            self._heed(one, reply)

    def _ask_apart(self, away: Sequence[Served]) -> None:
        """Ask for numbers of which the store was away, where nobody else waits for the answer."""
        wanted = {one.number: (one.lanes, _settled(one), 0) for one in away}
        for one in away:
            one.asking = True
        self._posts.ask(self._at_work.posting, partial(_replies, self._at_work.store, wanted))

    def _heed(self, one: Served, reply: Reply) -> None:
        """Begin what was taken, and decide when to ask again."""
        if isinstance(reply, Exception):
            self._error = reply
            one.miss()
            return
        self._tell(one, reply)
        one.take_up(reply, self._ends)
        taken_at = time.monotonic()
        for attempt in reply.attempts:
            make = partial(attempts.make, self._at_work, one.number, attempt, reply.now, taken_at)
            raised = partial(attempts.raised, self._at_work, one.number, attempt)
            self._posts.begin(self._at_work.posting, one.number, make, raised)
        if one.more and not one.may_take(self._posts.free):
            self._call_for_help(one)

    def _tell(self, one: Served, taken: Taken) -> None:
        """Let others know what a call showed; what was taken is posted, whatever comes of that."""
        try:
            heed(self._at_work, one.number, taken)
            note_damage(self._at_work.store, one.number, [*taken.damaged, *_of_sends(taken)])
        except Exception as error:
            attempts.note_raised(self._at_work, one.number, error)

    def _call_for_help(self, one: Served) -> None:
        """Ring for a number of which more is ready than this process may post."""
        now = time.monotonic()
        if now - self._helped_at < HELP_EVERY_S:
            return
        self._helped_at = now
        for rank in one.ranks:
            self._at_work.ringing.submit(ring_number, self._at_work.store, one.number, rank)


def _settled(one: Served) -> list[Outcome]:
    """Take from a number what the next call settles; from then on its lanes keep it."""
    settled, one.outcomes = one.outcomes[:AT_ONCE], one.outcomes[AT_ONCE:]
    return settled


def _of_sends(taken: Taken) -> list[Damage]:
    """Tell of what was taken and could not be read; it ends as a dead letter."""
    return [Damage("send", outcome.send, outcome.error) for outcome in taken.unopened]


def _replies(store: Store, wanted: dict[str, tuple[Lanes, list[Outcome], int]]) -> Replies:
    found: list[Reply] = []
    try:
        found += pump_all(store, list(wanted.values()))
    except Exception as error:
        found += [ScriptError(type(error).__name__)] * len(wanted)
    return Replies(list(zip(wanted, found, strict=True)))
