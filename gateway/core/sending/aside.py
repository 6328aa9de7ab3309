"""Deliveries set aside: why each could not be committed, and how it stands now; pure.

Nothing of them is dead. The reason is written down with the delivery, small and without what is
private, and goes away with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.core.sending.dead_letter import Aside, moment
from gateway.core.text import fit

# A record that the worker cannot open; a contact, or what is known, that it cannot read; a commit
# that the store refused; a contact that somebody else always changed first.
Kind = Literal["unopened", "unreadable", "failed", "contended"]
_UNTOLD = {"class": "untold", "reason": "no reason was written down"}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in a delivery's way, and for which of our numbers it was, where that is known."""

    kind: Kind
    error: str = ""
    number: str = ""

    @property
    def reason(self) -> str:
        """Word the obstacle."""
        match self.kind:
            case "unopened":
                return f"a worker could not open it: {self.error}"
            case "unreadable":
                return f"a worker could not read what is stored of its contact: {fit(self.error)}"
            case "failed":
                return f"the store refused its commit: {fit(self.error)}"
            case "contended":
                return "somebody else always changed its contact first"

    def packed(self) -> bytes:
        """Return what is written down of it."""
        told = {"class": self.kind, "reason": self.reason, "number": self.number[:64]}
        return orjson.dumps(told)


def aside(delivery: str, tries: int, next_ms: float, first: str, last: str) -> Aside:
    """Read what is stored of a delivery that was set aside, "" for a reason that is not there."""
    kept_ms = int(delivery.partition(":")[2].partition("-")[0])
    first_at, first_error = _noted(first)
    last_at, last_error = _noted(last)
    return Aside(
        id=delivery,
        number=last_error.get("number", ""),
        died_ms=first_at or kept_ms,
        cause="aside",
        code=None,
        error=last_error,
        kept_at=moment(kept_ms),
        attempts=tries,
        first_error=first_error,
        last_error=last_error,
        last_at=moment(last_at or kept_ms),
        next_at=moment(max(next_ms, last_at)),
    )


def _noted(text: str) -> tuple[int, Mapping[str, Any]]:
    at, _, told = text.partition(" ")
    return (int(at), orjson.loads(told)) if told else (0, _UNTOLD)
