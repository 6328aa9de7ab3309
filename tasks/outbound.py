"""Outbound work: whatever is ready to be sent is posted to Meta, at each number's pace."""

import contextlib
from collections.abc import Sequence

from gateway.store import keys
from gateway.store.coordination.wakeups import clear_wakeup
from tasks.app import app
from tasks.context import WorkerContext, worker_context
from tasks.sending.account_effects import STORE_ERRORS
from tasks.sending.send_rounds import SendRounds
from tasks.wakeup import ring_numbers


@app.task(name="tasks.pump")
def pump(number: str, priority: str) -> None:
    """Send what is ready for a number, or leave it to the task that serves all numbers already.

    An attempt is on disk before its first byte. Each answer, or its absence, becomes one outcome,
    which is settled with the next take. A death in between leaves attempts whose lease runs out;
    then it is unknown whether Meta has them, and only evidence may repeat them
    (tasks/scheduled/unconfirmed.py).
    Raises StoreUnavailableError or ScriptError if outcomes could not be settled for too long; this
    process settles them with its next call.
    """
    ctx = worker_context()
    clear_wakeup(ctx.store, keys.number_bell(number, priority))
    if ctx.sender.hand_over(number, priority):
        serve(ctx)


def serve(ctx: WorkerContext) -> None:
    """Serve all numbers of this process for a slice, then settle the posts in flight."""
    sender = ctx.sender
    with sender.serve_lock:
        rounds = SendRounds(ctx)
        rounds.work()
        pending, failure = rounds.drop_done(), rounds.take_failure()
    # At once, so that another task goes on while this one waits for the last answers.
    _ring(ctx, pending)
    if not sender.is_relieved and sender.serve_lock.acquire(blocking=False):
        try:
            rounds.finish()
            pending, failure = rounds.drop_done(), failure or rounds.take_failure()
        finally:
            sender.serve_lock.release()
        if not sender.is_relieved:
            _ring(ctx, pending)
    if failure:
        raise failure


def _ring(ctx: WorkerContext, pending: Sequence[tuple[str, str]]) -> None:
    """Wake for what is left; if the store is unavailable the sweep does, and answers come first."""
    with contextlib.suppress(*STORE_ERRORS):
        ring_numbers(ctx.store, pending)
