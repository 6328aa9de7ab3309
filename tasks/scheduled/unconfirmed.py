"""Unconfirmed sends: posted again once if the evidence shows that Meta never had them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import structlog

from gateway.core.sending.resend_policy import Policy, StatusStream, decide_resend
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.inbox.inbox import PartitionState
from gateway.store.sending.unconfirmed import (
    last_proved_at,
    lost_until,
    read_unconfirmed,
    resend,
    stream_whole_since,
)
from tasks.context import StoreAccess

log = structlog.get_logger(__name__)


def repeat_lost_sends(ctx: StoreAccess, number: str, partitions: Sequence[PartitionState]) -> int:
    """Post again, once, every send that on all evidence Meta never had; return how many.

    `partitions` are read before the unconfirmed sends: what confirms a send and was kept before
    then is either worked off, or counted as waiting.
    """
    stream = StatusStream(
        whole_from=stream_whole_since(ctx.store),
        proved_to=last_proved_at(ctx.store, number),
        worked_off_to=min(_worked_off_to(one) for one in partitions),
        lost_to=lost_until(ctx.store),
    )
    policy = cast(Policy, ctx.settings.gateway_unconfirmed)
    now_ms = partitions[0].now_ms
    repeated = 0
    for unconfirmed in read_unconfirmed(ctx.store, number, page=now_ms // 1_000):
        if decide_resend(unconfirmed.evidence, stream, policy, datetime_from_ms(now_ms)) != "again":
            continue
        if resend(ctx.store, number, unconfirmed):
            repeated += 1
            log.warning(
                "send_repeated", send=unconfirmed.send, attempt=unconfirmed.attempt, policy=policy
            )
    return repeated


def _worked_off_to(partition: PartitionState) -> datetime:
    """Return the time before which everything kept in a partition is committed."""
    if partition.deferred or partition.damaged:
        return datetime.fromtimestamp(0, UTC)
    return datetime_from_ms(partition.oldest_ms or partition.now_ms)
