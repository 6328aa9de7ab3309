"""Quality of numbers, as Meta's webhooks report it: when each was flagged last.

All of it may raise StoreUnavailableError.
"""

from datetime import datetime
from typing import Any

from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.core.webhook.notice_readers import IN_TIME
from gateway.store import keys
from gateway.store.redis.client import Store


def note_flag(
    store: Store, number: str, at: datetime, *, is_flagged: bool, replayed: bool = False
) -> bool:
    """Record that Meta flagged the quality of a number at a moment, or from then on no more.

    Return false where something newer is known. A notice that came late, or was replayed, counts
    for what was under way at its moment only. May raise ScriptError.
    """
    late_ms = -1 if replayed else int(IN_TIME.total_seconds() * 1000)
    args = (ms_from_datetime(at), int(is_flagged), late_ms)
    return bool(store.call("note_flag", keys.number(number), *args))


def read_flag(store: Store, number: str) -> datetime | None:
    """Return when Meta flagged a number, None where it did not within 30 days."""
    flagged: Any = store.run(lambda client: client.get(f"{keys.number(number)}flagged"))
    return datetime_from_ms(flagged) if flagged and flagged.isdigit() else None
