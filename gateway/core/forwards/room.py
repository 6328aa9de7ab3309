"""Room of a receiver: how much of it each number may hold back; pure."""

from collections.abc import Iterable


def share_room(sizes: Iterable[int], most: int) -> int:
    """Return how much each may have, so that all together have `most` at most, and never 0.

    What takes little keeps all of it, and what takes most gives: 1, 8 and 9 share 12 as 1, 5 and 5.
    """
    left, rest = most, sorted(sizes)
    if sum(rest) <= most:
        return most
    while rest and rest[0] * len(rest) <= left:
        left -= rest.pop(0)
    return max(1, left // max(1, len(rest)))
