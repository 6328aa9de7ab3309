"""How often a rule may fire for one contact."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.frequency import (
    MOST_MOMENTS,
    MOST_TIMES,
    Limit,
    Used,
    merge_used,
    reached_limit,
    record_firing,
)
from tests.support.factories import NOW

HOUR = timedelta(hours=1)
COOLDOWN = (Limit(1, HOUR),)
THREE = (Limit(3, timedelta(days=1)),)
ONCE = (Limit(1, timedelta(days=999_999)),)


def fired(limits: tuple[Limit, ...], *hours_ago: float, rule: str = "it") -> Used:
    used: Used = {}
    for hours in hours_ago:
        used = record_firing(used, rule, limits, NOW - hours * HOUR)
    return used


@pytest.mark.parametrize(
    ("limits", "hours_ago", "may"),
    [
        pytest.param(COOLDOWN, [], True, id="never"),
        pytest.param(COOLDOWN, [0.5], False, id="within the cooldown"),
        pytest.param(COOLDOWN, [1], True, id="the cooldown is over"),
        pytest.param(COOLDOWN, [-0.5], False, id="a clock that stepped back"),
        pytest.param(THREE, [2, 1], True, id="twice of three"),
        pytest.param(THREE, [3, 2, 1], False, id="three times"),
        pytest.param(THREE, [25, 2, 1], True, id="the first is a day ago"),
        pytest.param(THREE, [0, 0, 0], False, id="three times in one batch"),
        pytest.param((*COOLDOWN, *THREE), [2], True, id="both allow it"),
        pytest.param((*COOLDOWN, *THREE), [5, 4, 3], False, id="one of both forbids it"),
        pytest.param((), [0], True, id="no limit"),
        pytest.param(ONCE, [], True, id="once for all, and never yet"),
        pytest.param(ONCE, [9_999], False, id="once for all"),
    ],
)
def test_a_rule_fires_within_its_limits(
    limits: tuple[Limit, ...], hours_ago: list[float], may: bool
) -> None:
    assert (reached_limit(fired(limits, *hours_ago), "it", limits, NOW) is None) == may


def test_a_rule_counts_for_itself() -> None:
    assert reached_limit(fired(COOLDOWN, 0, rule="other"), "it", COOLDOWN, NOW) is None


def test_nothing_is_remembered_of_a_rule_without_limits() -> None:
    assert fired((), 0) == {}


def test_what_is_of_no_use_any_more_is_forgotten() -> None:
    used = fired(COOLDOWN, 2, rule="long ago")

    assert record_firing(used, "it", COOLDOWN, NOW).keys() == {"it"}


def test_a_firing_is_remembered_for_longer_than_the_span_if_the_limit_says_so() -> None:
    lasting = (Limit(1, HOUR, 3 * HOUR),)

    used = fired(lasting, 2)

    assert reached_limit(used, "it", (Limit(1, 2.5 * HOUR),), NOW) is not None
    assert record_firing(used, "other", COOLDOWN, NOW).keys() == {"it", "other"}
    assert record_firing(used, "other", COOLDOWN, NOW + HOUR).keys() == {"other"}


def test_what_is_remembered_is_bounded_and_the_latest_stays() -> None:
    used: Used = {}
    for n in range(300):
        used = record_firing(used, f"rule {n}", COOLDOWN, NOW + timedelta(seconds=n))

    assert sum(len(told) - 1 for told in used.values()) == MOST_MOMENTS
    assert "rule 299" in used
    assert "rule 0" not in used


MOMENTS = st.integers(0, 400).map(lambda hours: NOW - hours * timedelta(minutes=7))
LIMITS = st.builds(Limit, st.integers(1, MOST_TIMES), st.just(timedelta(days=3)))


@st.composite
def histories(draw: st.DrawFn) -> Used:
    used: Used = {}
    for rule in draw(st.lists(st.sampled_from("abc"), max_size=8)):
        used = record_firing(used, rule, (Limit(9, timedelta(days=3)),), draw(MOMENTS))
    return used


@given(histories(), histories())
def test_merging_forgets_nothing_and_the_order_does_not_matter(one: Used, other: Used) -> None:
    both = merge_used(one, other)

    assert both == merge_used(other, one)
    assert merge_used(both, other) == both
    for rule, (until, *moments) in (*one.items(), *other.items()):
        assert both[rule][0] >= until
        assert set(moments) <= set(both[rule][1:])


@given(histories(), histories(), LIMITS)
def test_what_was_forbidden_of_either_is_forbidden_of_both(
    one: Used, other: Used, limit: Limit
) -> None:
    forbidden = any(reached_limit(used, "a", (limit,), NOW) for used in (one, other))

    assert not forbidden or reached_limit(merge_used(one, other), "a", (limit,), NOW)
