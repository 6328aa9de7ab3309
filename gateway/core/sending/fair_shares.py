"""How many posts each of several numbers may begin, where a process has only so many; pure."""

from collections.abc import Sequence


def shares(free: int, on_the_way: Sequence[int]) -> list[int]:
    """Divide `free` posts among numbers that have so many on the way; the first is served first.

    No number comes to have more on the way than it leaves free. So one whose posts take ten seconds
    comes to half of all, and however many there are of them, whoever comes next finds some free.
    """
    fair = max(1, free // max(1, len(on_the_way)))
    given, left = [], free
    for mine in on_the_way:
        most = min(left, fair, max((left - mine) // 2, int(not mine)))
        given.append(max(0, most))
        left -= given[-1]
    return given
