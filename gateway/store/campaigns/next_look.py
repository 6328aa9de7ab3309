"""Next looks: until when nothing is due for an active campaign, so that the tick leaves it alone.

A campaign without a moment is looked at by every tick. All of it may raise StoreUnavailableError.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.core.campaigns.course import LOOKED_AT_EVERY
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.redis.client import Store

LOOKS = f"{keys.CAMPAIGNS}looks"


def choose_due(store: Store, ids: Sequence[str], now: datetime) -> list[str]:
    """Return the campaigns for which something may be due.

    A moment that is further away than any can be was set by a clock that went wrong.
    """
    bounds = ms_from_datetime(now) + 1, ms_from_datetime(now + LOOKED_AT_EVERY)
    left_alone: Any = store.run(lambda client: client.zrangebyscore(LOOKS, *bounds))
    return [id_ for id_ in ids if id_.encode() not in left_alone]


def leave_alone(store: Store, id_: str, until: datetime) -> None:
    """Let the tick leave a campaign alone until a moment, or until it is changed."""
    store.run(lambda client: client.zadd(LOOKS, {id_: ms_from_datetime(until)}))


def look_again(store: Store, id_: str) -> None:
    """Let the next tick look at a campaign: it has changed, or is active no more."""
    store.run(lambda client: client.zrem(LOOKS, id_))
