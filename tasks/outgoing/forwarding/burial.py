"""Burial of forwards: each becomes a dead letter with a copy of what would be posted."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.accounts.receivers import receivers_of
from gateway.accounts.rulebooks import AccountRules
from gateway.core.forwards.forward import LASTS
from gateway.store.body_codec import Bodies
from gateway.store.outgoing.forwards import (
    ReceiverOutcome,
    SettledForward,
    WaitingForward,
    oldest_forwards,
    settle_forwards,
)
from gateway.store.redis.client import Store
from tasks.context import WorkerContext
from tasks.outgoing.forwarding.own_receivers import unnamed_receiver
from tasks.outgoing.forwarding.preparation import PostPreparation

TOO_LATE = "nobody received it in time"
UNNAMED = "the rules name no such receiver"
DROPPED = "the operator dropped it"
# What one burial makes of one receiver, in steps.
MOST_BURIED, AT_ONCE, LASTS_S = 2_000, 100, 1.0


@dataclass(frozen=True, slots=True)
class ForwardBurial:
    """Makes dead letters of what waits for receivers, the oldest first."""

    store: Store
    bodies: Bodies
    rules: AccountRules
    results: timedelta  # for how long one can be read that was received meanwhile

    def bury_oldest(
        self, number: str, name: str, why: str, *, most_bytes: int = 0, lasts: timedelta = LASTS
    ) -> int:
        """Bury what waited for `lasts`, or is beyond `most_bytes` (0: no bound); return how many.

        It stops after a second or 2,000. Raises StoreUnavailableError or ScriptError.
        """
        buried, began = 0, time.monotonic()
        while buried < MOST_BURIED and time.monotonic() - began < LASTS_S:
            overdue = oldest_forwards(self.store, number, name, most_bytes, AT_ONCE, lasts)
            if not overdue:
                break
            self._bury(number, name, overdue, why)
            buried += len(overdue)
        return buried

    def bury_all(self, number: str, name: str, why: str) -> int:
        """Bury what waits, a part of it at a time; return how many, 0 once nothing waits."""
        return self.bury_oldest(number, name, why, lasts=timedelta(0))

    def _bury(self, number: str, name: str, overdue: Sequence[WaitingForward], why: str) -> None:
        """Keep a copy of what would be posted, since the deliveries may be trimmed from then on."""
        named = receivers_of(self.rules.current(), number).get(name)
        receiver = named or unnamed_receiver(name)
        preparation = PostPreparation(self.store, self.bodies, self.rules)
        posts, problems = preparation.prepare(number, receiver, overdue, apart=True)
        copies = {post.forwards[0].id: post.body for post in posts}
        problem_of = {one.id: one for one in problems}
        settled = tuple(
            self._end(one, copies.get(one.id), problem_of.get(one.id), why) for one in overdue
        )
        settle_forwards(self.store, [ReceiverOutcome(number, name, settled)], self.results)

    def _end(
        self,
        overdue: WaitingForward,
        body: bytes | None,
        problem: SettledForward | None,
        why: str,
    ) -> SettledForward:
        copy = overdue.copy or (self.bodies.pack(body) if body is not None else b"")
        reason = f"{why}; {problem.reason}" if problem else why
        is_gone = problem is not None and problem.step == "gone"
        return SettledForward(overdue.id, 0, "gone" if is_gone else "dead", reason, copy=copy)


def burial_of(ctx: WorkerContext) -> ForwardBurial:
    """Return how a worker makes dead letters of forwards."""
    return ForwardBurial(ctx.store, ctx.bodies, ctx.rules, ctx.settings.gateway_results)
