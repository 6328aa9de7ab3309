"""Refused deliveries by reason: counted in memory, and stored once a second beside the requests.

A stranger who sends unsigned requests must not cause a write to the store for each.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import structlog

from gateway.store.redis.client import StoreUnavailableError

log = structlog.get_logger(__name__)

FLUSH_S = 1.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Answer to a refusal, and whether the refusal is a gap in the stream of statuses.

    It is a gap if Meta may post the same delivery again and have it accepted: until then a status
    may be missing, and its absence proves nothing.
    """

    status: int
    gap: bool

    def answer(self) -> bytes:
        """Return the whole answer, after which the connection is closed."""
        line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"
        return f"{line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


REASONS: Mapping[str, Reason] = {
    # The gateway could not keep it, whoever sent it.
    "store": Reason(503, gap=True),
    "unverified": Reason(503, gap=True),
    "crowded": Reason(503, gap=True),
    "pipelined": Reason(503, gap=True),
    "stopping": Reason(503, gap=True),
    # It did not arrive, perhaps because the network or the gateway was slow.
    "head_timeout": Reason(408, gap=True),
    "body_timeout": Reason(408, gap=True),
    "disconnected": Reason(400, gap=True),
    # No byte of a delivery came, for longer than Meta would ever wait.
    "silent": Reason(408, gap=False),
    # Meta sends nothing like it, and would be refused again every time, so there is nothing to wait
    # for.
    "head_too_large": Reason(431, gap=False),
    "too_large": Reason(413, gap=False),
    "malformed": Reason(400, gap=False),
    # The sender is not Meta.
    "signature_missing": Reason(401, gap=False),
    "signature_malformed": Reason(401, gap=False),
    "signature_mismatch": Reason(401, gap=False),
    "signature_account": Reason(401, gap=False),
    "account_unknown": Reason(404, gap=False),
    "handshake": Reason(403, gap=False),
}


class RefusalCounts(Protocol):
    """Store of the counters."""

    async def add(self, counts: dict[str, int]) -> None:
        """Add to the counters of the web processes. Raises StoreUnavailableError."""


class Refusals:
    """Counts refusals by reason, and stores the sums once a second."""

    def __init__(self, counts: RefusalCounts, on_gap: Callable[[], None] = lambda: None) -> None:
        """Take the store of the sums; `on_gap` is called for refusals that may have been Meta's."""
        self._counts = counts
        self._on_gap = on_gap
        self._waiting: Counter[str] = Counter()

    def add(self, reason: str, is_delivery: bool = True) -> None:
        """Count one refused request, which may have been a delivery unless it is known not to."""
        self._waiting[f"refused.{reason}"] += 1
        if is_delivery and REASONS[reason].gap:
            self._on_gap()
        log.debug("delivery_refused", reason=reason)

    async def flush(self) -> None:
        """Store the counts since the last time; they are kept while the store is unavailable."""
        counts, self._waiting = self._waiting, Counter()
        try:
            if counts:
                await self._counts.add(dict(counts))
        except StoreUnavailableError:
            self._waiting.update(counts)

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
