"""Results of requests: written for the Celery task that asked, once its send is over.

The store lists each result that is owed with the write that ends the send, and it is taken off
the list once it is written: a process that dies in between leaves it to the next. So one may be
written twice; Celery keeps the first success, and the same failure is written again.
"""

import structlog

from gateway.store.api.message_status import view_task
from gateway.store.api.owed_results import OwedResult, forget_owed, postpone_owed, read_owed
from gateway.store.sending.lookup import TracedSend, read_sends
from tasks.app import app
from tasks.celery_setup.result_backend import ResultBackend
from tasks.context import StoreAccess

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 100
POSTPONED_MS = 60_000  # a result whose send cannot be read, or is not over


class SendFailedError(RuntimeError):
    """The message was not sent; its argument is the result in the words of `/v1/tasks`."""


def write_results(ctx: StoreAccess, number: str) -> int:
    """Write the results that a number's sends owe, a bounded number; return how many.

    Raises StoreUnavailableError or ScriptError.
    """
    owed = read_owed(ctx.store, number, MOST_AT_ONCE)
    backend = ResultBackend(app=app, client=ctx.store.redis)
    done = []
    sends = read_sends(ctx.store, ctx.bodies, number, [one.send for one in owed])
    for one, send in zip(owed, sends, strict=True):
        if _write(ctx, backend, one, send):
            done.append(one)
        else:
            postpone_owed(ctx.store, number, one, POSTPONED_MS)
    if done:
        forget_owed(ctx.store, number, done)
    return len(done)


def _write(ctx: StoreAccess, backend: ResultBackend, owed: OwedResult, send: TracedSend) -> bool:
    """Write one result; false where the send is damaged, or not over: as none listed should be."""
    if send.damage:
        log.warning("result_unreadable", send=owed.send, error=send.damage)
        return False
    if not send.stage:
        log.warning("result_forgotten", send=owed.send, task=owed.task)
        return True
    task = view_task(send)
    status, result = task["status"], task["result"]
    if status not in ("SUCCESS", "FAILURE"):
        return False
    value = result if status == "SUCCESS" else SendFailedError(result)
    ctx.store.run(lambda _: backend.store_result(owed.task, value, status))
    return True
