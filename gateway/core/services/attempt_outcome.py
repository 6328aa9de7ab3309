"""Outcome of one attempt to call a service: an answer, another attempt later, or a failure."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

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

UNKNOWN = "unknown: its worker died in mid-call, and this call may not be repeated"
RESTING = "the service did not answer others, and is left alone for a while"
EXPIRED = "no worker called it in time"
NO_SERVICE = "the rules name no such service any more"
DAMAGED = "what is stored of the call cannot be read"
CROWDED_OUT = "too many newer calls waited"


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What follows an attempt, and what a trace shows of it.

    `failure` is why no answer can be used, "" where there is one. `health` is how the service
    showed itself, "" where it was not asked.
    """

    step: Literal["answered", "failed", "later"]
    shown: str
    failure: str = ""
    wait_ms: int = 0
    health: Literal["", "well", "sick"] = ""


def refuse_attempt(state: str, waited_s: float, *, repeatable: bool) -> CallOutcome | None:
    """Return the outcome of a call that is not made; None if it is.

    `state` is "interrupted" where nobody knows what became of the attempt before, and "rests" where
    the service answers nobody.
    """
    if state == "interrupted" and not repeatable:
        return CallOutcome("failed", UNKNOWN, UNKNOWN)
    if waited_s > LASTS_S:
        return CallOutcome("failed", EXPIRED, EXPIRED)
    if state == "rests":
        return CallOutcome("failed", RESTING, RESTING)
    return None


def decide_call(
    status: int | None, failure: str, attempt: int, *, repeatable: bool, spread: float
) -> CallOutcome:
    """Decide what follows attempt number `attempt`; `status` is None where no answer came.

    `spread`, from 0 to 1, keeps calls that failed together from coming back together.
    """
    answered = "" if status is None else f"HTTP {status}"
    shown = ", ".join(filter(None, (answered, failure)))
    is_sick = status is None or status in PASSING
    health: Literal["well", "sick"] = "sick" if is_sick else "well"
    if is_sick and repeatable and attempt < MOST_ATTEMPTS:
        pause_s = PAUSES_S[attempt - 1]
        wait_ms = int(pause_s * 1000 * (1 + spread / 4))
        return CallOutcome("later", shown, failure, wait_ms, health)
    return CallOutcome("failed" if failure else "answered", shown, failure, health=health)
