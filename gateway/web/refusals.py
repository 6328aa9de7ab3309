"""Refused deliveries by reason: what strangers are answered, and what is counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import structlog

from gateway.web.buffered_counts import BufferedCounts

log = structlog.get_logger(__name__)


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


class Refusals(BufferedCounts[str]):
    """Counts refusals by reason, and stores the sums once a second."""

    def __init__(self, counts: RefusalCounts, on_gap: Callable[[], None] = lambda: None) -> None:
        """Take the store of the sums; `on_gap` is called for refusals that may have been Meta's."""
        super().__init__(counts.add)
        self._on_gap = on_gap

    def add(self, reason: str, is_delivery: bool = True) -> None:
        """Count one refused request, which may have been a delivery unless it is known not to."""
        self.count(f"refused.{reason}")
        if is_delivery and REASONS[reason].gap:
            self._on_gap()
        log.debug("delivery_refused", reason=reason)
