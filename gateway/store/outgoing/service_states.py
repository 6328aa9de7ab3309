"""States of services that rules call: what waits for each of them, and how it is.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.services.attempt_outcome import BREAKS_AFTER
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What one number has for one service."""

    number: str
    service: str
    waiting: int = 0
    next_at: datetime | None = None  # when the first of them is made, or made again
    failures: int = 0  # in a row
    rests_until: datetime | None = None

    @property
    def condition(self) -> str:
        """Say in a word how it is."""
        if self.failures >= BREAKS_AFTER:
            return "down"
        return "failing" if self.failures else "well"


def read_service_states(store: Store, known: Mapping[str, Iterable[str]]) -> list[ServiceState]:
    """Return the state of each service that is `known` of a number, or that calls wait for."""
    waited_for = run_commands(
        store, *(("SMEMBERS", f"{keys.number(one)}services") for one in known)
    )
    pairs = [
        (number, service)
        for number, found in zip(known, waited_for, strict=True)
        for service in sorted({*known[number], *(one.decode() for one in found)})
    ]
    replies = run_commands(store, *(one for pair in pairs for one in _commands(*pair)))
    return [_parse(*pair, *replies[3 * i : 3 * i + 3]) for i, pair in enumerate(pairs)]


def _commands(number: str, service: str) -> Sequence[Sequence[Any]]:
    prefix = keys.number(number)
    due = f"{prefix}calls_due:{service}"
    breaker = ("HMGET", f"{prefix}breaker:{service}", "failures", "until")
    return ("ZCARD", due), ("ZRANGE", due, 0, 0, "WITHSCORES"), breaker


def _parse(number: str, service: str, waiting: int, first: Any, breaker: Any) -> ServiceState:
    failures, until = breaker
    return ServiceState(
        number,
        service,
        waiting,
        datetime_from_ms(int(first[0][1])) if first else None,
        int(failures or 0),
        datetime_from_ms(int(float(until))) if until and int(failures or 0) else None,
    )
