"""Outcome of one attempt to call a service: an answer, another attempt later, or a failure."""

from dataclasses import dataclass
from http import HTTPStatus

# Pauses before the second and the third attempt, in seconds: a customer waits.
PAUSES_S = (1.0, 4.0)
MOST_ATTEMPTS = len(PAUSES_S) + 1
# Answers of a server that is there and cannot answer now.
PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# After so many attempts in a row without an answer a service is left alone for a while.
BREAKS_AFTER, REST_S = 5, 30.0
# What is not begun within this is not called any more: its customer waited long enough.
LASTS_S = 600.0

UNKNOWN = "unknown: the worker died in mid-call, and this call may not be repeated"
RESTING = "the service did not answer others, and is left alone for a while"
EXPIRED = "no worker called it in time"


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What follows an attempt; the reason is "" where the service answered."""

    is_over: bool
    reason: str = ""
    wait_ms: int = 0
    is_sick: bool = False  # the service gave no answer of its own


def decide_call(
    status: int | None, failure: str, attempt: int, *, repeatable: bool, spread: float
) -> CallOutcome:
    """Decide what follows attempt number `attempt`; `status` is None where no answer came.

    `spread`, from 0 to 1, keeps calls that failed together from coming back together.
    """
    is_sick = status is None or status in PASSING
    if not is_sick:
        return CallOutcome(True, failure)
    reason = failure or f"it answered HTTP {status}"
    if not repeatable or attempt >= MOST_ATTEMPTS:
        return CallOutcome(True, reason if status is None else failure, is_sick=True)
    pause_s = PAUSES_S[min(attempt, len(PAUSES_S)) - 1]
    return CallOutcome(False, reason, int(pause_s * 1000 * (1 + spread / 4)), is_sick=True)
