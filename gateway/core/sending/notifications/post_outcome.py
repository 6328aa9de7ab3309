"""Outcome of one post of a notification: received, again later, or given up."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal

# Pauses after the first attempts, in seconds; the last one is for all that follow.
PAUSES_S = (5, 30, 120, 600, 3600)
SHORTEST_S, LONGEST_S = 5.0, 3600.0
# Answers of a receiver that takes it another time: any other refusal is a mistake of somebody.
PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)

PostStep = Literal["delivered", "later", "dead"]


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """The step that follows a post, after how long, and the reason in words."""

    step: PostStep
    reason: str
    wait_ms: int = 0
    is_refusal: bool = False  # the receiver answers, and the operator has to change something


def decide_outcome(
    status: int | None, error: str, retry_after: str, attempt: int, now: datetime, spread: float
) -> PostOutcome:
    """Decide what follows attempt number `attempt`; `status` is None where no answer came.

    `spread`, from 0 to 1, keeps notifications that failed together from coming back together.
    """
    if status is None:
        return PostOutcome("later", error, _pause_ms(attempt, spread))
    reason = f"HTTP {status}"
    if 200 <= status < 300:
        return PostOutcome("delivered", reason)
    if status == HTTPStatus.GONE:
        return PostOutcome("dead", f"{reason}: the receiver wants no more", is_refusal=True)
    wait_s = _parse_retry_after(retry_after, now)
    wait_ms = _pause_ms(attempt, spread) if wait_s is None else int(wait_s * 1000)
    return PostOutcome("later", reason, wait_ms, 300 <= status < 500 and status not in PASSING)


def _pause_ms(attempt: int, spread: float) -> int:
    pause_s = PAUSES_S[min(attempt, len(PAUSES_S)) - 1]
    return int(pause_s * 1000 * (1 + spread / 10))


def _parse_retry_after(retry_after: str, now: datetime) -> float | None:
    """Return the seconds that the receiver asks for, within bounds; None if it asks for none."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return _within_bounds(float(text[:9]))
    try:
        return _within_bounds((parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # no date, or one without a zone
        return None


def _within_bounds(seconds: float) -> float:
    return min(LONGEST_S, max(SHORTEST_S, seconds))
