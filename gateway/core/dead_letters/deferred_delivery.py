"""Deferred deliveries: set aside because a worker could not process them, and tried again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from gateway.core.dead_letters.dead_letter import ADVICE, DeadLetterBase
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.text import sanitize

# Delays before a deferred delivery is tried again; the last one repeats.
RETRY_DELAYS_MS = (1_000, 5_000, 30_000, 120_000, 300_000)


def retry_delay_ms(tries: int) -> int:
    """Return how long a delivery waits that was deferred so often before."""
    return RETRY_DELAYS_MS[min(tries, len(RETRY_DELAYS_MS) - 1)]


_DEFERRED_ADVICE: Mapping[str, str] = {
    "unopened": "Give the workers the encryption key or the release that it needs.",
    "unreadable": "Mend what is stored of the contact, or run the release that wrote it.",
    "failed": "Mend the store as the error says.",
    "contended": "Wait; if it stays, look for who else writes to this store.",
    "account": "Put the account back into the file GATEWAY_ACCOUNTS, or give the delivery up.",
    "rules": "Fix the rules of the number's account; gateway rules check tells all.",
    "stopped": "Fix the rules of the number's account, or start the release before.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredDelivery(DeadLetterBase):
    """A delivery that was set aside: it is not dead, and workers try it again by themselves.

    It "died" when it was first set aside; `number` is "" if no worker could open it.
    """

    kept_at: datetime
    attempts: int
    first_error: Mapping[str, Any] = field(repr=False)
    last_error: Mapping[str, Any] = field(repr=False)
    last_at: datetime
    next_at: datetime

    @property
    def advice(self) -> str:
        """Say what to do about the reason."""
        kind = str(self.error.get("class"))
        return _DEFERRED_ADVICE.get(kind, ADVICE["aside"])


Kind = Literal["unopened", "unreadable", "failed", "contended", "account", "rules", "stopped"]
_REASONS: Mapping[Kind, str] = {
    "unopened": "a worker could not open it: {error}",
    "unreadable": "a worker could not read what is stored of its contact: {error}",
    "failed": "the store refused its commit: {error}",
    "contended": "somebody else always changed its contact first",
    "account": "its account is not in the file of accounts, or not yet known to the worker",
    "rules": "the rules of its account cannot be used",
    "stopped": "too many events failed with the rules of its account",
}


_NO_REASON = {"class": "untold", "reason": "no reason was written down"}


@dataclass(frozen=True, slots=True)
class DeferReason:
    """The reason why a delivery was set aside, and its number if that is known."""

    kind: Kind
    error: str = ""
    number: str = ""

    @property
    def reason(self) -> str:
        """Return the reason in words."""
        error = self.error if self.kind == "unopened" else sanitize(self.error)
        return _REASONS[self.kind].format(error=error)

    def pack(self) -> bytes:
        """Return the reason as it is stored."""
        fields = {"class": self.kind, "reason": self.reason, "number": self.number[:64]}
        return orjson.dumps(fields)


def read_deferred(
    delivery: str, tries: int, next_ms: float, first: str, last: str
) -> DeferredDelivery:
    """Read the stored state of a delivery that was set aside; a missing reason is ""."""
    kept_ms = int(delivery.partition(":")[2].partition("-")[0])
    first_at, first_error = _parse_note(first)
    last_at, last_error = _parse_note(last)
    return DeferredDelivery(
        id=delivery,
        number=last_error.get("number", ""),
        died_ms=first_at or kept_ms,
        cause="aside",
        code=None,
        error=last_error,
        kept_at=datetime_from_ms(kept_ms),
        attempts=tries,
        first_error=first_error,
        last_error=last_error,
        last_at=datetime_from_ms(last_at or kept_ms),
        next_at=datetime_from_ms(max(next_ms, last_at)),
    )


def _parse_note(text: str) -> tuple[int, Mapping[str, Any]]:
    at, _, error_json = text.partition(" ")
    return (int(at), orjson.loads(error_json)) if error_json else (0, _NO_REASON)
