"""Copies of forwards where memory is short: what waits then refers to no delivery."""

import time

import structlog

from gateway.accounts.receivers import is_unnamed, receivers_of
from gateway.store.outgoing.detached_forwards import detach_forwards, list_referring
from gateway.store.outgoing.forwards import list_receivers
from tasks.context import WorkerContext
from tasks.outgoing.forwarding.burial import UNNAMED, burial_of
from tasks.outgoing.forwarding.preparation import PostPreparation

log = structlog.get_logger(__name__)

# What one task copies, in steps.
AT_ONCE, LASTS_S = 100, 1.0


def detach_oldest(ctx: WorkerContext, number: str) -> int:
    """Give the oldest forwards of a number copies of their own; return how many.

    Those of receivers that the rules no longer name become dead letters.
    One that waits would hold back all deliveries that came after its own, in every partition, and
    a single refused event shuts the door on all others. Raises StoreUnavailableError or
    ScriptError.
    """
    names = list_receivers(ctx.store, number)
    detached = sum(_detach_of_receiver(ctx, number, name) for name in names)
    if detached:
        log.info("forwards_detached", number=number, count=detached)
    return detached


def _detach_of_receiver(ctx: WorkerContext, number: str, name: str) -> int:
    rules = ctx.rules.current()
    receiver = receivers_of(rules, number).get(name)
    if is_unnamed(rules, number, name):  # nothing says in which form it would get them
        return burial_of(ctx).bury_all(number, name, UNNAMED)
    if receiver is None:
        return 0
    preparation = PostPreparation(ctx.store, ctx.bodies, ctx.rules)
    detached, began = 0, time.monotonic()
    while time.monotonic() - began < LASTS_S:
        referring = list_referring(ctx.store, number, name, AT_ONCE)
        posts, _ = preparation.prepare(number, receiver, referring, apart=True)
        copies = {post.forwards[0].id: ctx.bodies.pack(post.body) for post in posts}
        newly = detach_forwards(ctx.store, number, name, copies) if copies else 0
        detached += newly
        if not newly or len(referring) < AT_ONCE:
            break
    return detached
