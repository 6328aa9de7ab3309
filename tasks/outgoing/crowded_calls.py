"""Calls of services for which there was no room: their branch `failed` follows, and none is made.

A tick ends them, so that their customers hear it also while no worker makes calls.
"""

import time

import structlog

from gateway.core.services.answer import answer_delivery
from gateway.core.services.attempt_outcome import CROWDED_OUT
from gateway.store.outgoing.calls import end_crowded, read_crowded
from gateway.store.redis.client import ScriptError
from tasks.context import StoreAccess
from tasks.wakeup import call_inbox

log = structlog.get_logger(__name__)

# What one tick ends of a number, in steps.
AT_ONCE, LASTS_S = 200, 0.5


def fail_crowded_calls(ctx: StoreAccess, number: str) -> None:
    """Put the answers `failed` into the inbox, then end the calls.

    Whoever dies in between is followed by a tick that puts them there again; each has the key of
    its call, so it has its effect once. Raises StoreUnavailableError.
    """
    ended, began = 0, time.monotonic()
    try:
        while time.monotonic() - began < LASTS_S:
            count = _fail_some(ctx, number)
            ended += count
            if count < AT_ONCE:
                break
    except ScriptError as error:  # a number with damaged keys delays no other
        log.error("calls_not_ended", number=number, error=str(error))
    if ended:
        log.warning("calls_crowded_out", number=number, count=ended)
        call_inbox(ctx.inbox)


def _fail_some(ctx: StoreAccess, number: str) -> int:
    """Fail the oldest of them; return how many."""
    found = read_crowded(ctx.store, number, AT_ONCE)
    answers = [
        answer_delivery(call, payload, None, "", CROWDED_OUT)
        for call, payload in found.items()
        if payload
    ]
    if answers:
        ctx.inbox.append_answers(answers)
    end_crowded(ctx.store, number, list(found), ctx.settings.gateway_retention)
    return len(found)
