"""Room of a receiver: shared by its numbers, so that who takes little loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.forwards.room import share_room


@pytest.mark.parametrize(
    ("sizes", "most", "each"),
    [
        ([], 12, 12),
        ([5, 7], 12, 12),
        ([1, 8, 9], 12, 5),
        ([20], 12, 12),
        ([10] * 20, 100, 5),
        ([0, 0, 30], 12, 12),
        ([9, 9, 9], 2, 1),
    ],
)
def test_each_has_the_same_at_most_and_what_is_small_stays_whole(
    sizes: list[int], most: int, each: int
) -> None:
    assert share_room(sizes, most) == each


@given(st.lists(st.integers(0, 1_000), max_size=30), st.integers(30, 5_000))
def test_all_together_have_no_more_than_there_is_and_nothing_is_left_unused(
    sizes: list[int], most: int
) -> None:
    each = share_room(sizes, most)
    taken = sum(min(size, each) for size in sizes)

    assert taken <= most
    assert sum(sizes) <= most or most - taken < len(sizes)
