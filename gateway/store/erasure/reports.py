"""What others get of what a customer wrote: notifications, calls, forwards, alerts of rules.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence, Set
from typing import Any

import orjson

from gateway.store import keys
from gateway.store.redis.client import Store


def erase_notifications(store: Store, prefix: str, ids: Sequence[str]) -> int:
    """Erase notifications of a number by their ids; return how many there were.

    One that is being posted is received at most, and nothing of it is stored again.
    """

    def remove(client: Any) -> int:
        pipe = client.pipeline(transaction=True)
        pipe.zrem(f"{prefix}notifications", *ids)
        pipe.zrem(f"{prefix}notifications_due", *ids)
        pipe.delete(*(f"{prefix}notification:{one}" for one in ids))
        return int(pipe.execute()[-1])

    return store.run(remove) if ids else 0


def erase_calls(store: Store, prefix: str, ids: Sequence[str]) -> int:
    """Erase calls of services of a number by their ids; return how many there were.

    The answer to one that is being made finds no call, so it is not put into the inbox.
    """

    def remove(client: Any) -> int:
        services = client.smembers(f"{prefix}services")
        pipe = client.pipeline(transaction=True)
        for service in services:
            pipe.zrem(f"{prefix}calls_due:{service.decode()}", *ids)
        pipe.zrem(f"{prefix}calls", *ids)
        pipe.zrem(f"{prefix}calls_crowded", *ids)
        pipe.delete(*(f"{prefix}call:{one}" for one in ids))
        return int(pipe.execute()[-1])

    return store.run(remove) if ids else 0


def erase_forwards(store: Store, prefix: str, ids: Sequence[str]) -> int:
    """Erase forwards of a number by their ids, dead ones too; return how many there were."""
    return int(store.call("control_forwards", prefix, "erase", "", *ids)) if ids else 0


def forget_alerts(store: Store, texts: Set[str]) -> None:
    """Forget the alerts with these texts."""
    if not texts - {""}:
        return
    for key in (keys.NOTED, keys.TOLD):
        rows: Any = store.run(lambda client: client.hgetall(key))  # noqa: B023
        for cause, row in rows.items():
            if _title(row) in texts - {""}:
                store.call("compare_and_swap", key, cause, row, "")


def _title(row: bytes) -> str:
    """Return the text of an alert, noted with its end before it, or with how it was reported."""
    content = row if row.startswith(b"{") else row.partition(b"|")[2]
    try:
        stored = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    alert = stored.get("alert", stored) if isinstance(stored, dict) else {}
    return str(alert.get("title", "")) if isinstance(alert, dict) else ""
