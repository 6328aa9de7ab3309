"""Fair shares of a process's limited posts among its numbers."""

from collections.abc import Sequence


def shares(free: int, on_the_way: Sequence[int]) -> list[int]:
    """Divide `free` posts among numbers that have `on_the_way` posts; the first is served first.

    No number gets more posts on the way than it leaves free. So a number whose posts take ten
    seconds gets half of all, and however many such numbers there are, the next finds some free.
    """
    fair = max(1, free // max(1, len(on_the_way)))
    given, left = [], free
    for mine in on_the_way:
        most = min(left, fair, max((left - mine) // 2, int(not mine)))
        given.append(max(0, most))
        left -= given[-1]
    return given
