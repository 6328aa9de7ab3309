"""Answers that receivers give in their responses: put into the inbox before a forward is settled.

A worker that dies in between posts the forward again, and of both answers the first has its effect.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from gateway.core.forwards.receiver_answer import (
    ReceiverAnswer,
    build_answer_delivery,
    find_answer,
    read_forwarded,
)
from gateway.http_out.exchange import Exchange
from gateway.rules.matching.answered_messages import read_messages
from gateway.rules.matching.steps import digest_said
from gateway.rules.text import ComparableText
from gateway.store.outgoing.forwards import are_stored
from tasks.context import WorkerContext
from tasks.outgoing.forwarding.preparation import PreparedPost
from tasks.wakeup import call_inbox

log = structlog.get_logger(__name__)
OF_GROUP = "it is to a message in a group, which nobody answers here"


def keep_answers(ctx: WorkerContext, ended: Iterable[tuple[PreparedPost, Exchange]]) -> None:
    """Put the answers of posts into the inbox, but for customers who were erased meanwhile.

    Raises StoreUnavailableError; then it may be repeated.
    """
    found = [(post, body) for post, exchange in ended if (body := _try_answer(post, exchange))]
    if not found:
        return
    stored = are_stored(ctx.store, [(post.number, post.forwards[0].id) for post, _ in found])
    if bodies := [body for (_, body), is_stored in zip(found, stored, strict=True) if is_stored]:
        ctx.inbox.append_answers(bodies)
        ctx.ring_pool.submit(call_inbox, ctx.inbox)


def _try_answer(post: PreparedPost, exchange: Exchange) -> bytes | None:
    try:
        return _answer_of(post, exchange)
    except Exception:  # a bug must cost this answer only, and not what all receivers wait for
        log.exception("forward_answer_failed", receiver=post.receiver.name)
        return None


def _answer_of(post: PreparedPost, exchange: Exchange) -> bytes | None:
    """Return the delivery of an answer; None if the receiver gave none, or nobody may get it."""
    if exchange.failure or post.receiver.form != "ours":
        return None
    found = find_answer(exchange.content_type, exchange.body, exchange.flaw)
    posted = read_forwarded(post.body) if found else None
    if found is None or posted is None:
        return None
    answer = _read_answer(post.receiver.name, posted, *found)
    named = {
        "number": post.number,
        "receiver": answer.receiver,
        "forward": post.forwards[0].id,
    }
    if answer.failure:
        log.warning("forward_answer_refused", **named)
    else:
        log.info("forward_answered", messages=len(answer.messages), **named)
    return build_answer_delivery(posted, answer)


def _read_answer(
    receiver: str, posted: Mapping[str, Any], content: Any, failure: str
) -> ReceiverAnswer:
    messages, wrong = ((), failure) if failure else read_messages(content)
    if posted["data"].get("group"):
        messages, wrong = (), OF_GROUP
    said = digest_said(ComparableText(posted["data"].get("text")).normal)
    return ReceiverAnswer(receiver, messages, wrong, said)
