"""Health of a receiver: what a post says of it, and for how long one that fails gets nothing."""

from http import HTTPStatus

from gateway.core.sending.notifications.post_outcome import PASSING

# After a few failures in a row, one post at a time is tried, with these pauses between, in seconds.
RESTS_S = (5, 10, 20, 40, 80, 160, 300)
# Posts that are under way to one receiver at once: more with each that it takes, half as many after
# one that it does not, so that one that comes back is not run over.
FIRST_WINDOW, MOST_WINDOW = 4, 16


def is_down(status: int | None) -> bool:
    """Say whether an answer, or that none came, is about the receiver and not about the post."""
    return status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in PASSING


def rest_ms(failures: int, tolerated: int, retry_after_ms: int, spread: float) -> int:
    """Return for how long a receiver gets nothing after so many failures in a row.

    `spread`, from 0 to 1, keeps receivers that failed together from being tried together.
    """
    step = min(max(0, failures - tolerated), len(RESTS_S) - 1)
    return max(int(RESTS_S[step] * 1000 * (1 + spread / 10)), retry_after_ms)


def next_window(window: int, *, down: bool) -> int:
    """Return how many posts may be under way at once after one more."""
    return max(1, window // 2) if down else min(MOST_WINDOW, window + 1)
