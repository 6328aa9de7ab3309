"""Loop that serves all numbers of a process: each round makes one call for each due number."""

import time
from collections.abc import Sequence
from functools import partial

from gateway.core.sending.fair_shares import shares
from gateway.core.sending.outcome import Outcome
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending.lanes import Damage, Lanes, PumpResult, pump_all
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import note_damage
from tasks.processes.ending import can_detect_stop, is_stopping
from tasks.processes.post_concurrency import (
    Bell,
    FinishedAttempt,
    LoopEvent,
    Reply,
    StoreReplies,
    gather_s,
)
from tasks.processes.served_numbers import NEVER, ServedNumber
from tasks.sending import attempts
from tasks.sending.account_effects import prepare_probe
from tasks.wakeup import ring_number

# A task serves for so long, unless its worker is asked to stop; for less if it could not detect
# that, since a worker has 18 s then. A new task costs a wake-up for each number that has more.
SLICE_S = 30.0
SLICE_FORKED_S = 2.0
# One script call settles, and takes, at most so many: a script blocks the whole server.
AT_ONCE = 64
# However many numbers have more ready than this process may post, it wakes others no more often.
HELP_EVERY_S = 0.1
MOST_WAIT_S = 1.0


class SendRounds:
    """Rounds of one task for the numbers of its process, while it is the one that serves."""

    def __init__(self, ctx: WorkerContext) -> None:
        """Begin a slice."""
        self._ctx = ctx
        self._sender, self._posts = ctx.sender, ctx.sender.posts
        self._served = ctx.sender.served
        self._deadline = time.monotonic() + (SLICE_S if can_detect_stop() else SLICE_FORKED_S)
        self._helped_at = 0.0
        self._error: Exception | None = None

    def work(self) -> None:
        """Take, post and settle until the slice is over, or nothing is left to do."""
        for one in self._served.values():
            one.idle_rounds, one.due_at = 0, 0.0
        has_work = True
        try:
            while has_work and time.monotonic() < self._deadline and not is_stopping():
                self._handle_events(self._wait_s(self._posts.free))
                self._run_round(self._posts.free)
                has_work = any(one.has_work for one in self._served.values())
        finally:
            self._sender.close()
        self._handle_events(0.0)  # the numbers handed over at the last moment

    def finish(self) -> None:
        """Settle the posts in flight, and take nothing more, until another task serves."""
        self._deadline = NEVER
        while not self._sender.is_relieved and any(one.is_busy for one in self._served.values()):
            self._run_round(0)
            self._handle_events(self._wait_s(0))

    def drop_done(self) -> list[tuple[str, str]]:
        """Drop the numbers that are done; return those to wake for, with their priorities."""
        for one in [one for one in self._served.values() if one.is_done]:
            del self._served[one.number]
        pending = [one for one in self._served.values() if one.has_pending]
        return [(one.number, priority) for one in pending for priority in sorted(one.priorities)]

    def take_failure(self) -> Exception | None:
        """Return, once, the error for which numbers could not be settled for too long."""
        timed_out = [
            one for one in self._served.values() if one.has_timed_out and not one.is_reported
        ]
        for one in timed_out:
            one.is_reported = True
        return self._error if timed_out else None

    def _wait_s(self, free: int) -> float:
        """Return how long there is nothing to do unless an event comes."""
        now = time.monotonic()
        due_at = min((one.next_at(free) for one in self._served.values()), default=NEVER)
        wait_s = min(due_at, self._deadline, now + MOST_WAIT_S) - now
        return max(wait_s, gather_s(len(self._served)))

    def _handle_events(self, timeout_s: float) -> None:
        for event in self._posts.wait_for_events(timeout_s, len(self._served)):
            self._handle_event(event)

    def _handle_event(self, event: LoopEvent) -> None:
        match event:
            case Bell(number, rank):
                if self._ctx.may_send(number):
                    self._served_number(number).ring(rank)
            case FinishedAttempt(number, outcome):
                served = self._served_number(number)
                served.outcomes.append(outcome)
                served.in_flight -= 1
            case StoreReplies(replies):
                for number, reply in replies:
                    self._served_number(number).is_asking = False
                    self._handle_reply(self._served_number(number), reply)

    def _served_number(self, number: str) -> ServedNumber:
        if number not in self._served:
            self._served[number] = ServedNumber(number, self._ctx.lanes(number))
        return self._served[number]

    def _run_round(self, free: int) -> None:
        """Settle and take for every due number, all in one round trip."""
        until = time.monotonic() + gather_s(len(self._served)) / 2
        for one in self._served.values():
            if not self._ctx.may_send(one.number):
                one.stop_taking()
        due = [one for one in self._served.values() if one.next_at(free) <= until]
        if away := [one for one in due if one.away_since is not None]:
            self._ask_in_background(away)
        reachable = sorted(
            (one for one in due if one.away_since is None), key=lambda one: one.asked_at
        )
        limits = shares(free, [one.in_flight for one in reachable])
        batch = [(one, min(AT_ONCE, most)) for one, most in zip(reachable, limits, strict=True)]
        batch = [(one, most) for one, most in batch if most or one.outcomes]
        requests = [(self._ctx.lanes(one.number), _pop_outcomes(one), most) for one, most in batch]
        for (one, _), reply in zip(batch, pump_all(self._ctx.store, requests), strict=True):
            self._handle_reply(one, reply)

    def _ask_in_background(self, away: Sequence[ServedNumber]) -> None:
        """Ask again for numbers whose store was unavailable, where no other number waits for it."""
        requests = {one.number: (one.lanes, _pop_outcomes(one), 0) for one in away}
        for one in away:
            one.is_asking = True
        self._posts.submit(self._ctx.post_pool, partial(_call_pump, self._ctx.store, requests))

    def _handle_reply(self, served: ServedNumber, reply: Reply) -> None:
        """Begin the attempts that were taken, and decide when to ask again."""
        if isinstance(reply, Exception):
            self._error = reply
            served.mark_store_away()
            return
        self._apply_effects(served, reply)
        served.schedule_after(reply, self._deadline)
        taken_at = time.monotonic()
        for attempt in reply.attempts:
            run = partial(
                attempts.run_attempt, self._ctx, served.number, attempt, reply.now, taken_at
            )
            on_error = partial(attempts.unconfirmed_outcome, self._ctx, served.number, attempt)
            self._posts.begin(self._ctx.post_pool, served.number, run, on_error)
        if served.has_more and not served.may_take(self._posts.free):
            self._ring_for_help(served)

    def _apply_effects(self, served: ServedNumber, taken: PumpResult) -> None:
        """Apply the effects of a call; what was taken is posted even if they fail."""
        try:
            prepare_probe(self._ctx, served.number, taken)
            note_damage(self._ctx.store, served.number, [*taken.damaged, *_unopened_damage(taken)])
        except Exception as error:
            attempts.report_error(self._ctx, served.number, error)

    def _ring_for_help(self, served: ServedNumber) -> None:
        """Send wake-ups for a number of which more is ready than this process may post."""
        now = time.monotonic()
        if now - self._helped_at < HELP_EVERY_S:
            return
        self._helped_at = now
        for priority in served.priorities:
            self._ctx.ring_pool.submit(ring_number, self._ctx.store, served.number, priority)


def _pop_outcomes(served: ServedNumber) -> list[Outcome]:
    """Take the outcomes that the next call settles; from then on the lanes keep them."""
    outcomes, served.outcomes = served.outcomes[:AT_ONCE], served.outcomes[AT_ONCE:]
    return outcomes


def _unopened_damage(taken: PumpResult) -> list[Damage]:
    """Return the damage of sends that could not be read; each becomes a dead letter."""
    return [Damage("send", outcome.send, outcome.error_json) for outcome in taken.unopened]


def _call_pump(store: Store, requests: dict[str, tuple[Lanes, list[Outcome], int]]) -> StoreReplies:
    replies: list[Reply] = []
    try:
        replies += pump_all(store, list(requests.values()))
    except Exception as error:
        replies += [ScriptError(type(error).__name__)] * len(requests)
    return StoreReplies(list(zip(requests, replies, strict=True)))
