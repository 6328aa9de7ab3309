"""The way out: whatever is ready to be sent is posted to Meta, at the number's pace."""

import random
import time
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from gateway.core import canary
from gateway.core.allowed import refusal
from gateway.core.outcome import Attempt, Outcome, outcome
from gateway.core.sends import callback
from gateway.core.verdict import Answer, NotConnected, Verdict, verdict
from gateway.store import keys
from gateway.store.client import StoreUnavailableError
from gateway.store.lanes import LEASE_MS, Lanes, Taken
from gateway.store.upkeep import heard
from tasks.app import app
from tasks.bell import ring_number
from tasks.canary import arrive
from tasks.pauses import heed, mended, note_opt_out, spread, warn
from tasks.posts import Posts
from tasks.worker import Worker, worker

log = structlog.get_logger(__name__)

SLICE_S = 2.0
LINGER_S = 0.01
MOST_IDLE = 2
# For so long a store that is away is asked again; a worker that is told to end has 18 s.
PATIENCE_S = 12.0
AGAIN_S = 0.5
AT_ONCE = 64
# An attempt is not begun when its lease might end before the answer is in.
LATEST_START_S = LEASE_MS / 1000 - 12
WAITS = frozenset({"later", "rests", "slower", "pair", "paused"})


@app.task(name="tasks.pump")
def pump(number: str, rank: str) -> None:
    """Send what is ready for a number, many at once, for one slice of time.

    An attempt is on disk before its first byte. Each answer, or its absence, becomes one outcome,
    which is settled with the next take. Dying in the middle leaves attempts whose lease runs out;
    nobody then knows whether Meta had them, and only evidence may repeat them (tasks/doubts.py).
    """
    at_work = worker()
    heard(at_work.store, keys.number_bell(number, rank))
    lanes = at_work.lanes(number)
    ends = time.monotonic() + SLICE_S
    posts = Posts(at_work.posting, partial(_attempt, at_work, number))
    outcomes: list[Outcome] = []
    idle, helped = 0, False
    while True:
        left_s = ends - time.monotonic()
        try:
            taken = lanes.pump(outcomes, AT_ONCE - posts.on_the_way if left_s > 0 else 0)
        except StoreUnavailableError:
            taken, ends = _told(lanes, posts), 0.0
        heed(at_work, number, taken)
        posts.begin(taken)
        if taken.more and posts.on_the_way == AT_ONCE and not helped:
            # More is ready than one pump may post, so another one joins in, of whichever process.
            at_work.ringing.submit(ring_number, at_work.store, number, rank)
            helped = True
        outcomes = posts.answers()
        idle = 0 if outcomes or posts.on_the_way else idle + 1
        if idle and (idle > MOST_IDLE or taken.wait_s > left_s):
            break
        if idle:
            time.sleep(max(taken.wait_s, LINGER_S))
    if taken.more:
        ring_number(at_work.store, number, rank)


def _told(lanes: Lanes, posts: Posts) -> Taken:
    """Ask a store that is away again, and take nothing more.

    Only this process heard what came of its posts, and only it knows that nothing was posted of
    what the lost call may have taken. Raises StoreUnavailableError where nobody hears it for too
    long; it goes with this process's next call then.
    """
    patience = time.monotonic() + PATIENCE_S
    while True:
        outcomes = posts.all_answers()
        time.sleep(AGAIN_S)
        try:
            return lanes.pump(outcomes, 0)
        except StoreUnavailableError:
            if time.monotonic() > patience:
                raise


def _attempt(
    at_work: Worker, number: str, attempt: Attempt, now: datetime, taken_at: float
) -> Outcome:
    """Make one attempt, and judge it."""
    judged = _judged(at_work, number, attempt, now, taken_at)
    took = time.monotonic() - taken_at
    came = outcome(attempt, judged, now + timedelta(seconds=took), random.random())  # noqa: S311
    if mended(at_work, judged):
        came = replace(came, wait_ms=0)  # so the number is probed with the new token at once
    spread(at_work, number, judged, came.error, came.wait_ms)
    warn(at_work, number, judged)
    note_opt_out(at_work, number, attempt, judged, now)
    log.info(
        "attempt_made",
        number=number,
        send=attempt.send,
        attempt=attempt.number,
        rule=attempt.rule,
        step=came.step,
        told=came.error,
        wait_ms=came.wait_ms if came.step in WAITS else None,
        ms=int(took * 1000),
    )
    return came


def _judged(
    at_work: Worker, number: str, attempt: Attempt, now: datetime, taken_at: float
) -> Verdict:
    """Post, unless something stands against it, and judge what was seen."""
    waited = time.monotonic() - taken_at
    if waited > LATEST_START_S:
        return verdict(NotConnected("its lease was nearly over before it began"))
    if stands_against := refusal(attempt, now + timedelta(seconds=waited)):
        return stands_against
    return verdict(_made(at_work, number, attempt, now))


def _made(at_work: Worker, number: str, attempt: Attempt, now: datetime) -> Answer:
    """Post an attempt to Meta; a canary's ends at us."""
    if number == canary.NUMBER:
        return arrive(at_work, attempt, now)
    return at_work.graph.post_message(number, _request(attempt))


def _request(attempt: Attempt) -> dict[str, Any]:
    """Return the body to post; every status of the message will repeat our callback data."""
    if attempt.repeatable:
        return attempt.body
    return attempt.body | {"biz_opaque_callback_data": callback(attempt.send, attempt.number)}
