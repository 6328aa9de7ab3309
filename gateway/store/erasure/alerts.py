"""Alerts of rules that hold what a customer wrote: forgotten."""

from collections.abc import Set
from typing import Any

import orjson

from gateway.store import keys
from gateway.store.redis.client import Store


def forget_alerts(store: Store, texts: Set[str]) -> None:
    """Forget the alerts with these texts. Raises StoreUnavailableError or ScriptError."""
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
