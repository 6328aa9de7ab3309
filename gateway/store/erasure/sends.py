"""Sends of a customer: erased, whether they wait, are over or were compacted.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.store.erasure.open_erasures import sends_key
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import LEASE_MS

AT_ONCE = 50
# A post takes a lease at most: after twice as long its process has ended.
OVER_AFTER_MS = 2 * LEASE_MS
_UNDER_WAY = -1


@dataclass(frozen=True, slots=True)
class ErasedSends:
    """How many sends were erased, and those that are being posted, which end first."""

    erased: int
    under_way: frozenset[str]


def erase_sends(store: Store, prefix: str, ids: Sequence[str], erasure: str) -> ErasedSends:
    """Erase sends of a number by their ids; one that waits is never posted.

    Their ids are noted first, by which requests are found that could be repeated.
    """
    unique = list(dict.fromkeys(ids))
    if not unique:
        return ErasedSends(0, frozenset())
    store.run(lambda client: client.sadd(sends_key(erasure), *unique))
    erased, under_way = 0, set[str]()
    for start in range(0, len(unique), AT_ONCE):
        part = unique[start : start + AT_ONCE]
        replies = store.call("erase_sends", prefix, OVER_AFTER_MS, *part)
        erased += replies.count(1)
        pairs = zip(part, replies, strict=True)
        under_way |= {one for one, reply in pairs if reply == _UNDER_WAY}
    return ErasedSends(erased, frozenset(under_way))
