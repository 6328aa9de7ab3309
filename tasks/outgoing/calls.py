"""Calls of services: made under a lease, each answer put into the inbox, where its branch follows.

An answer is in the inbox before its call is settled, under the call's own id: a worker that dies in
between makes the call again or reports it as unknown, and of both answers the first has its effect.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial

import structlog

from gateway.config.receiver_secrets import ReceiverSecretError, read_secret
from gateway.core.services.answer import answer_delivery
from gateway.core.services.attempt_outcome import (
    DAMAGED,
    NO_SERVICE,
    CallOutcome,
    decide_call,
    refuse_attempt,
)
from gateway.core.services.service_call import has_customer, is_request
from gateway.http_out.outgoing import OutgoingClient, OutgoingRequest
from gateway.http_out.service_client import ServiceReply, call_service, secret_header
from gateway.rules.language.outgoing.services import MOST_TIMEOUT, Service
from gateway.rules.rulebook import Rulebook
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.outgoing import calls
from gateway.store.outgoing.calls import CallAttempt, TakenCalls
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.sending.lanes import Damage
from tasks.app import app
from tasks.context import WorkerContext, worker_context
from tasks.monitoring.noted_alerts import note_damage
from tasks.outgoing.bounded_threads import BoundedThreads
from tasks.outgoing.typing import keep_typing
from tasks.processes.ending import is_stopping
from tasks.wakeup import call_bell, call_inbox, ring_call

log = structlog.get_logger(__name__)

# Calls under way at once in a process, and of them to one service: those that hang leave room.
MOST_CALLS, MOST_OF_SERVICE = 64, 16
# After so long a thread makes room for calls of other numbers.
SLICE_S = 5.0
# A lease must outlast the call, and a store that is away while its answer is put into the inbox.
LEASE_MARGIN = timedelta(seconds=30)
PATIENCE_S, RETRY_S = 12.0, 0.5


@cache
def _threads() -> BoundedThreads:
    return BoundedThreads("call", MOST_CALLS, MOST_OF_SERVICE)


@cache
def _client() -> OutgoingClient:
    return OutgoingClient()


@app.task(name="tasks.call")
def call(number: str, service: str) -> None:
    """Begin to make calls of a service that are due; they go on in threads of their own."""
    ctx = worker_context()
    clear_wakeup(ctx.store, call_bell(number, service))
    start_calls(ctx, number, service)


def start_calls(ctx: WorkerContext, number: str, service: str) -> bool:
    """Start a thread that makes calls of a service; false if as many run as may."""
    return _threads().start(service, partial(make_due, ctx, number, service))


def make_due(ctx: WorkerContext, number: str, service: str) -> None:
    """Make calls that are due until none is, or until the slice is over.

    Raises StoreUnavailableError or ScriptError; what was taken is due again after its lease.
    """
    deadline = time.monotonic() + SLICE_S
    while not is_stopping():
        taken = _take_one(ctx, number, service)
        for attempt in taken.attempts:
            _run_attempt(ctx, number, service, attempt, taken)
        if not taken.attempts:
            return
        if time.monotonic() > deadline:
            ring_call(ctx.store, number, service)
            return


def _take_one(ctx: WorkerContext, number: str, service: str) -> TakenCalls:
    """Take the call that is due first, and let another thread take the next one."""
    found = find_service(ctx, number, service)
    lease = (found.timeout if found else MOST_TIMEOUT) + LEASE_MARGIN
    taken = calls.take(ctx.store, number, service, 1, lease)
    note_damage(ctx.store, number, taken.damaged)
    if taken.more:
        start_calls(ctx, number, service)
    return taken


def find_service(ctx: WorkerContext, number: str, service: str) -> Service | None:
    """Return a service as the rules of a number's account name it now; None if they do not."""
    rules = ctx.rules.current()
    book = rules.of_account(rules.accounts.owner_of(number))
    return book.services.get(service) if isinstance(book, Rulebook) else None


def _run_attempt(
    ctx: WorkerContext, number: str, service: str, attempt: CallAttempt, taken: TakenCalls
) -> None:
    began = time.monotonic()
    reply, outcome = _attempt(ctx, number, attempt, taken)
    took_ms = int((time.monotonic() - began) * 1000)
    if outcome.health:  # it was asked
        outcome = replace(outcome, shown=f"{outcome.shown} after {took_ms} ms")
    if outcome.step != "later":
        _deliver(ctx, number, attempt, reply, outcome)
    calls.settle(ctx.store, number, attempt, outcome, ctx.settings.gateway_retention)
    log.info(
        "service_called",
        number=number,
        call=attempt.id,
        service=service,
        attempt=attempt.attempt,
        step=outcome.step,
        outcome=outcome.shown,
        wait_ms=outcome.wait_ms if outcome.step == "later" else None,
        ms=took_ms,
    )


def _attempt(
    ctx: WorkerContext, number: str, attempt: CallAttempt, taken: TakenCalls
) -> tuple[ServiceReply, CallOutcome]:
    """Make a call once, unless it is too late, or may not be made; return what follows."""
    payload = attempt.payload
    if not is_request(payload):
        note_damage(ctx.store, number, [Damage("call", attempt.id, DAMAGED)])
        return ServiceReply(None), CallOutcome("failed", DAMAGED, DAMAGED)
    service = find_service(ctx, number, payload["service"])
    if service is None:
        return ServiceReply(None), CallOutcome("failed", NO_SERVICE, NO_SERVICE)
    repeatable = payload["method"] == "GET" or service.repeat
    waited_s = (taken.now - attempt.planned_at).total_seconds()
    if refused := refuse_attempt(attempt.state, waited_s, repeatable=repeatable):
        return ServiceReply(None), refused
    headers, missing = _headers(service, attempt)
    if missing:
        return ServiceReply(None), CallOutcome("failed", missing, missing)
    request = OutgoingRequest(
        payload["method"],
        service.url + payload["path"],
        headers,
        payload["content"].encode(errors="replace"),
        service.timeout.total_seconds(),
    )
    with keep_typing(ctx, number, attempt, taken.now, lasts=service.timeout):
        reply = call_service(_client(), request)
    outcome = decide_call(
        reply.status,
        reply.failure,
        attempt.attempt,
        repeatable=repeatable or not reply.is_sent,
        spread=random.random(),  # noqa: S311
    )
    return reply, outcome


def _headers(service: Service, attempt: CallAttempt) -> tuple[Mapping[str, str], str]:
    """Return the headers of a call, and why it cannot be made: its secret is not there."""
    headers = {"Accept": "application/json", "Idempotency-Key": attempt.id}
    if content_type := attempt.payload["content_type"]:
        headers["Content-Type"] = content_type
    if not service.auth:
        return headers, ""
    try:
        secret = read_secret(service.auth)
    except ReceiverSecretError as error:
        return {}, f"of worker-outgoing {error}"
    if not secret:
        return {}, f"the secret {service.auth} is not set for worker-outgoing"
    return {**headers, **secret_header(service.header, secret)}, ""


def _deliver(
    ctx: WorkerContext,
    number: str,
    attempt: CallAttempt,
    reply: ServiceReply,
    outcome: CallOutcome,
) -> None:
    """Put an answer into the inbox, unless its customer was erased meanwhile, or is not known.

    What a service did once must not be lost, so a store that is away is asked again for a while.
    """
    if not has_customer(attempt.payload):
        return
    body = answer_delivery(
        attempt.id, attempt.payload, reply.status, reply.content, outcome.failure
    )
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if calls.is_stored(ctx.store, number, attempt.id):
                ctx.inbox.append_answer(body)
                ctx.ring_pool.submit(call_inbox, ctx.inbox)
            return
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)
