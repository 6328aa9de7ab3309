"""Results that Celery tasks are owed: their sends are over, and the result is not written yet.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.sending.send import ID_LENGTH
from gateway.store import keys
from gateway.store.redis.client import Store


@dataclass(frozen=True, slots=True)
class OwedResult:
    """A send, the Celery task that asked for it, and since when it is owed."""

    send: str
    task: str
    since_ms: int

    @property
    def member(self) -> str:
        """Return it as it is stored."""
        return f"{self.send}{self.task}"


def read_owed(store: Store, number: str, most: int) -> list[OwedResult]:
    """Return the results that can be written now, the oldest first."""
    key = _key(number)

    def ask(client: Any) -> Any:
        seconds, micros = client.time()
        now_ms = seconds * 1000 + micros // 1000
        return client.zrange(key, "-inf", now_ms, byscore=True, offset=0, num=most, withscores=True)

    found = [(member.decode(), int(since)) for member, since in store.run(ask)]
    return [OwedResult(one[:ID_LENGTH], one[ID_LENGTH:], since) for one, since in found]


def forget_owed(store: Store, number: str, written: Sequence[OwedResult]) -> None:
    """Remove results that are written, but none that was asked for again after it was read."""
    args = [part for one in written for part in (one.member, one.since_ms)]
    store.call("forget_results", keys.number(number), *args)


def postpone_owed(store: Store, number: str, owed: OwedResult, by_ms: int) -> None:
    """Let a result that cannot be written yet delay no other."""
    key = _key(number)
    store.run(lambda client: client.zincrby(key, by_ms, owed.member))


def _key(number: str) -> str:
    return f"{keys.number(number)}results"
