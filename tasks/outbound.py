"""The way out: whatever is ready to be sent is posted to Meta, at each number's pace."""

import contextlib
from collections.abc import Sequence

from gateway.store import keys
from gateway.store.maintenance import heard
from tasks.app import app
from tasks.context import WorkerContext, worker
from tasks.sending.account_effects import AWAY
from tasks.sending.send_rounds import SendRounds
from tasks.wakeup import ring_numbers


@app.task(name="tasks.pump")
def pump(number: str, rank: str) -> None:
    """Send what is ready for a number, or let the task do it that serves all numbers already.

    An attempt is on disk before its first byte. Each answer, or its absence, becomes one outcome,
    which is settled with the next take. Dying in the middle leaves attempts whose lease runs out;
    nobody then knows whether Meta had them, and only evidence may repeat them
    (tasks/scheduled/unconfirmed.py).
    Raises StoreUnavailableError or ScriptError where outcomes could not be settled for too long;
    this process settles them with its next call.
    """
    at_work = worker()
    heard(at_work.store, keys.number_bell(number, rank))
    if at_work.sender.hand_over(number, rank):
        serve(at_work)


def serve(at_work: WorkerContext) -> None:
    """Serve all numbers of this process for a slice, then see to what is on the way."""
    sender = at_work.sender
    with sender.turn:
        rounds = SendRounds(at_work)
        rounds.work()
        wanting, failure = rounds.leave(), rounds.failure()
    # At once, so that whoever hears it goes on while this one waits for the last answers.
    _ring(at_work, wanting)
    if not sender.relieved and sender.turn.acquire(blocking=False):
        try:
            rounds.finish()
            wanting, failure = rounds.leave(), failure or rounds.failure()
        finally:
            sender.turn.release()
        if not sender.relieved:
            _ring(at_work, wanting)
    if failure:
        raise failure


def _ring(at_work: WorkerContext, wanting: Sequence[tuple[str, str]]) -> None:
    """Ring for what is left; where the store is away the sweep does, and answers come first."""
    with contextlib.suppress(*AWAY):
        ring_numbers(at_work.store, wanting)
