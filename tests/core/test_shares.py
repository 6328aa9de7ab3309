"""Posts are divided so that no number, however slow, takes them all."""

import pytest

from gateway.core.sending.fair_shares import shares


def settled(numbers: int, slots: int) -> list[int]:
    """Return what numbers come to that never get an answer."""
    have = [0] * numbers
    for _ in range(20):
        for i, more in enumerate(shares(slots - sum(have), have)):
            have[i] += more
    return have


@pytest.mark.parametrize(("numbers", "each"), [(1, 128), (2, 128), (4, 64), (24, 11), (100, 3)])
def test_a_number_whose_posts_never_end_takes_no_more_than_it_leaves_free(
    numbers: int, each: int
) -> None:
    have = settled(numbers, 256)

    assert max(have) <= each
    assert 256 - sum(have) >= min(have)


def test_whoever_has_none_gets_one_while_one_is_free() -> None:
    assert shares(1, [0, 0]) == [1, 0]
    assert shares(3, [100, 0]) == [0, 1]


def test_who_comes_first_is_served_first_where_few_are_free() -> None:
    assert shares(2, [0, 0, 0]) == [1, 1, 0]


@pytest.mark.parametrize("free", [0, 1, 2, 7, 256])
def test_never_more_are_given_than_are_free(free: int) -> None:
    for numbers in (0, 1, 3, 24, 500):
        given = shares(free, [0] * numbers)
        assert sum(given) <= free
        assert len(given) == numbers
