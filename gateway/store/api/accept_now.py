"""Acceptance of one requested send, for callers that have no event loop."""

from concurrent.futures import Future

from gateway.core.api.message_request import MessageRequest
from gateway.store.api.accept_calls import accept_call, answer_group, load_call, plan_group
from gateway.store.api.pending_send import (
    AcceptedSend,
    Idempotency,
    PendingSend,
    RequestRefusedError,
    answer_known,
)
from gateway.store.keys import number as prefix_of
from gateway.store.redis.client import Store


def accept_now(
    store: Store, number: str, request: MessageRequest, idempotency: Idempotency, task: str = ""
) -> tuple[AcceptedSend, str]:
    """Return the send once it is on disk, and the priority for which to wake a worker, "" for none.

    The number is listed already; a Celery task that is named is owed the result.
    Raises RequestRefusedError, KeyReusedError, or StoreUnavailableError, after which it is unknown
    whether the send is stored: calling it again finds out.
    """
    future: Future[AcceptedSend] = Future()
    pending = PendingSend(number, request, idempotency, 0, future, task)
    plan_group([pending], *store.call_many([load_call(number, [pending])]))
    if pending.send:
        answer_group([pending], *store.call_many([accept_call(number, [pending])]))
    elif pending.errors:
        _answer_refused(store, pending, idempotency)
    return future.result(timeout=0), pending.send.priority if pending.send else ""


def _answer_refused(store: Store, pending: PendingSend, idempotency: Idempotency) -> None:
    """Answer a request that does not fit now; one that was accepted before is answered as then."""
    key = f"{prefix_of(pending.number)}idempotent:{idempotency.name}"
    before = store.run(lambda client: client.get(key))
    if isinstance(before, bytes):
        answer_known(pending, before.decode())
    else:
        pending.fail(RequestRefusedError(pending.errors))
