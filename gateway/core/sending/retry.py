"""Retry: how long a send waits for its next attempt, and when it is given up."""

from datetime import datetime

from gateway.core.sending.error_codes import Scope

MAX_ATTEMPTS = 8
MAX_BACKOFF_S = 300.0
_MAX_POWER = 5  # 4^5 is above the cap.


def retry_delay_s(
    attempts: int, wait_s: float | None, jitter: float, scope: Scope = "send"
) -> float:
    """Return the seconds until the next attempt, after `attempts` of them.

    `wait_s` is the least wait that Meta's code asks for, `jitter` a random number in [0, 1). The
    jitter spreads over the whole backoff and after the wait, so that sends refused together do not
    come back together. A pair has one lane at a time and nothing to spread.
    """
    # Meta asks for 4^x seconds: https://developers.facebook.com/docs/whatsapp/cloud-api/overview
    backoff = min(MAX_BACKOFF_S, 4.0 ** min(max(attempts - 1, 0), _MAX_POWER))
    return (wait_s or 0.0) + (backoff if scope == "pair" else backoff * jitter)


def is_given_up(attempts: int, next_at: datetime, expires_at: datetime) -> bool:
    """Say whether a send that was tried `attempts` times has no attempt left at `next_at`."""
    return attempts >= MAX_ATTEMPTS or next_at >= expires_at
