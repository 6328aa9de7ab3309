"""Notifications about a customer: erased, whether they wait or are over."""

from collections.abc import Sequence
from typing import Any

from gateway.store.redis.client import Store


def erase_notifications(store: Store, prefix: str, ids: Sequence[str]) -> int:
    """Erase notifications of a number by their ids; return how many there were.

    One that is being posted is received at most, and nothing of it is stored again. Raises
    StoreUnavailableError or ScriptError.
    """

    def remove(client: Any) -> int:
        pipe = client.pipeline(transaction=True)
        pipe.zrem(f"{prefix}notifications", *ids)
        pipe.zrem(f"{prefix}notifications_due", *ids)
        pipe.delete(*(f"{prefix}notification:{one}" for one in ids))
        return int(pipe.execute()[-1])

    return store.run(remove) if ids else 0
