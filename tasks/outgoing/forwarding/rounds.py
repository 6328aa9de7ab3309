"""Rounds of forwarding: one records how posts ended and takes what is due, for many receivers."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.core.forwards.receiver import Receiver
from gateway.core.forwards.receiver_health import is_down, rest_ms
from gateway.core.sending.notifications.post_outcome import PostOutcome, decide_outcome
from gateway.http_out.exchange import Exchange
from gateway.store.outgoing.forwards import (
    FAILURES_IN_A_ROW,
    ReceiverOutcome,
    SettledForward,
    TakenForwards,
    TakeRequest,
    settle_forwards,
    take_forwards,
)
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import note_damage
from tasks.outgoing.forwarding.preparation import PostPreparation, PreparedPost
from tasks.outgoing.forwarding.receiver_answers import keep_answers

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EndedPost:
    """A post and what came of it; `failures` is how often the receiver had failed before."""

    post: PreparedPost
    exchange: Exchange
    at: datetime
    took_ms: int
    failures: int

    @property
    def is_down(self) -> bool:
        """Say whether it shows that the receiver takes nothing now."""
        return not self.exchange.is_local and is_down(self.exchange.status)


@dataclass(frozen=True, slots=True)
class Wish:
    """A receiver and how many posts to it may begin, 0 if there is nowhere to post to."""

    number: str
    name: str
    receiver: Receiver | None
    most: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What one receiver gets now."""

    posts: tuple[PreparedPost, ...]
    now: datetime
    failures: int
    count: int  # of forwards, also of those that have no post

    @property
    def has_unposted(self) -> bool:
        """Say whether some of the forwards have no post."""
        return self.count > sum(len(post.forwards) for post in self.posts)


class ForwardRounds:
    """The store's side of forwarding."""

    def __init__(self, ctx: WorkerContext) -> None:
        """Take the store and the settings of a worker."""
        self._ctx = ctx
        self._preparation = PostPreparation(ctx.store, ctx.bodies, ctx.rules)

    def settle(self, ended: Sequence[EndedPost]) -> None:
        """Keep what receivers answered, then record how posts ended.

        Raises StoreUnavailableError; then it may be repeated.
        """
        keep_answers(self._ctx, [(one.post, one.exchange) for one in ended])
        outcomes = [self._outcome(one) for one in ended]
        self._settle_all(outcomes)

    def take(self, wishes: Sequence[Wish]) -> list[Taken | None]:
        """Take what is due; None for a receiver whose stored keys are damaged.

        Raises StoreUnavailableError; what was taken is due again after its lease.
        """
        requests = [
            TakeRequest(one.number, one.name, one.most, _goes_together(one.receiver))
            for one in wishes
        ]
        replies = take_forwards(self._ctx.store, requests)
        return [self._to_taken(wish, reply) for wish, reply in zip(wishes, replies, strict=True)]

    def _to_taken(self, wish: Wish, reply: TakenForwards | Exception) -> Taken | None:
        if isinstance(reply, Exception):
            log.error("forwards_not_taken", number=wish.number, error=str(reply))
            return None
        note_damage(self._ctx.store, wish.number, reply.damaged)
        if wish.receiver is None or not reply.forwards:
            return Taken((), reply.now, reply.failures, 0)
        posts, problems = self._preparation.prepare(wish.number, wish.receiver, reply.forwards)
        if problems:
            self._settle_all([ReceiverOutcome(wish.number, wish.name, tuple(problems))])
        return Taken(tuple(posts), reply.now, reply.failures, len(reply.forwards))

    def _settle_all(self, outcomes: Iterable[ReceiverOutcome]) -> None:
        settled = list(outcomes)
        kept = self._ctx.settings.gateway_results
        for one, result in zip(
            settled, settle_forwards(self._ctx.store, settled, kept), strict=True
        ):
            if isinstance(result, Exception):
                log.error("forwards_not_settled", number=one.number, error=str(result))

    def _outcome(self, ended: EndedPost) -> ReceiverOutcome:
        post, exchange = ended.post, ended.exchange
        spread = random.random()  # noqa: S311
        decided = [(one, _decide(exchange, one.attempt, ended.at, spread)) for one in post.forwards]
        first = decided[0][1]
        copies = self._copies(post) if first.step == "dead" else {}
        settled = tuple(
            SettledForward(
                one.id,
                one.attempt,
                outcome.step,
                outcome.reason,
                outcome.wait_ms,
                copies.get(one.id, b""),
            )
            for one, outcome in decided
        )
        log.info(
            "forward_posted",
            number=post.number,
            receiver=post.receiver.name,
            forward=post.forwards[0].id,
            count=len(post.forwards),
            attempt=post.forwards[0].attempt,
            step=first.step,
            reason=first.reason,
            ms=ended.took_ms,
        )
        return self._with_health(ended, settled, first, spread)

    def _copies(self, post: PreparedPost) -> Mapping[str, bytes]:
        """Return what each dead letter of a post keeps: of many together, its own event alone.

        So redrive posts nothing twice, and the erasure of one customer finds nothing of another's.
        """
        posts = [post]
        if len(post.forwards) > 1:
            posts, _ = self._preparation.prepare(
                post.number, post.receiver, post.forwards, apart=True
            )
        return {one.forwards[0].id: self._ctx.bodies.pack(one.body) for one in posts}

    def _with_health(
        self,
        ended: EndedPost,
        settled: tuple[SettledForward, ...],
        outcome: PostOutcome,
        spread: float,
    ) -> ReceiverOutcome:
        number, name = ended.post.number, ended.post.receiver.name
        if ended.exchange.is_local:
            return ReceiverOutcome(number, name, settled)
        if not ended.is_down:
            return ReceiverOutcome(number, name, settled, "up")
        retry_after_ms = outcome.wait_ms if ended.exchange.retry_after else 0
        rests = rest_ms(ended.failures + 1, FAILURES_IN_A_ROW, retry_after_ms, spread)
        return ReceiverOutcome(number, name, settled, "down", rests)


def _goes_together(receiver: Receiver | None) -> bool:
    return receiver is not None and receiver.form == "meta"


def _decide(exchange: Exchange, attempt: int, at: datetime, spread: float) -> PostOutcome:
    return decide_outcome(
        exchange.status, exchange.failure, exchange.retry_after, attempt, at, spread
    )
