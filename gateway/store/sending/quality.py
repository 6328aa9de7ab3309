"""Quality of numbers, as Meta's webhooks report it: when each was flagged last.

All of it may raise StoreUnavailableError.
"""

from datetime import datetime
from typing import Any

from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Store


def note_flag(store: Store, number: str, *, is_flagged: bool) -> None:
    """Record that Meta flags the quality of a number now, or no more."""
    key = _key(number)
    if not is_flagged:
        store.run(lambda client: client.delete(key))
        return
    seconds, micros = store.run(lambda client: client.time())
    now_ms = int(seconds) * 1000 + int(micros) // 1000
    store.run(lambda client: client.set(key, now_ms, px=keys.MONTH_MS))


def read_flag(store: Store, number: str) -> datetime | None:
    """Return when Meta flagged a number, None where it did not within 30 days."""
    flagged: Any = store.run(lambda client: client.get(_key(number)))
    return datetime_from_ms(flagged) if flagged and flagged.isdigit() else None


def _key(number: str) -> str:
    return f"{keys.number(number)}flagged"
