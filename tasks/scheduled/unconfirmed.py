"""What is done about sends of which nobody knows whether Meta had them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import structlog

from gateway.core.sending.resend_policy import Policy, StatusStream, choose
from gateway.store.inbox.inbox import PartitionState
from gateway.store.sending.unconfirmed import again, doubts, lost_to, proved_to, whole_from
from tasks.context import StoreAccess

log = structlog.get_logger(__name__)


def resolve(at_work: StoreAccess, number: str, standings: Sequence[PartitionState]) -> int:
    """Post again, once, what on all evidence Meta never had; return how many.

    `standings` are looked at before the doubts are read: what confirms a doubt and was kept before
    that look is then either worked off, or counted as waiting.
    """
    stream = StatusStream(
        whole_from=whole_from(at_work.store),
        proved_to=proved_to(at_work.store, number),
        worked_off_to=min(_worked_off_to(one) for one in standings),
        lost_to=lost_to(at_work.store),
    )
    policy = cast(Policy, at_work.settings.gateway_unconfirmed)
    now_ms = standings[0].now_ms
    repeated = 0
    for doubted in doubts(at_work.store, number, turn=now_ms // 1_000):
        if choose(doubted.doubt, stream, policy, _moment(now_ms)) != "again":
            continue
        if again(at_work.store, number, doubted):
            repeated += 1
            log.warning("send_repeated", send=doubted.send, attempt=doubted.attempt, policy=policy)
    return repeated


def _worked_off_to(one: PartitionState) -> datetime:
    """Return the moment before which everything kept in a partition is committed."""
    if one.aside or one.damaged:
        return datetime.fromtimestamp(0, UTC)
    return _moment(one.oldest_ms or one.now_ms)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
