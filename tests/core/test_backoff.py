"""Waits grow up to a cap, keep to what Meta asked for, and end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sending.error_codes import Scope
from gateway.core.sending.retry import is_given_up, retry_delay_s

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ATTEMPTS = st.integers(0, 10_000)
JITTER = st.floats(0, 1, exclude_max=True)
WAIT = st.none() | st.floats(0, 86_400)
SCOPE = st.sampled_from(["send", "pair", "number", "account", "app"])


@pytest.mark.parametrize(
    ("attempts", "wait_s"),
    [(0, 1), (1, 1), (2, 4), (3, 16), (4, 64), (5, 256), (6, 300), (7, 300), (10**9, 300)],
)
def test_a_pair_waits_as_meta_advises_up_to_the_cap(attempts: int, wait_s: float) -> None:
    assert retry_delay_s(attempts, None, 0.5, "pair") == wait_s


@pytest.mark.parametrize(
    ("attempts", "wait_s", "jitter", "expected"),
    [
        (1, None, 0.0, 0),
        (1, None, 0.5, 0.5),
        (3, None, 0.25, 4),
        (8, None, 0.5, 150),
        (3, 60, 0.25, 64),
    ],
)
def test_everything_else_waits_a_random_part_of_it_after_the_codes_own_wait(
    attempts: int, wait_s: float | None, jitter: float, expected: float
) -> None:
    assert retry_delay_s(attempts, wait_s, jitter) == expected


@given(ATTEMPTS, WAIT, JITTER, SCOPE)
def test_waits_keep_to_their_floor_and_cap(
    attempts: int, wait_s: float | None, jitter: float, scope: Scope
) -> None:
    floor = wait_s or 0

    assert floor <= retry_delay_s(attempts, wait_s, jitter, scope) <= floor + 300


@given(ATTEMPTS, WAIT, JITTER, SCOPE)
def test_waits_never_shrink_from_one_attempt_to_the_next(
    attempts: int, wait_s: float | None, jitter: float, scope: Scope
) -> None:
    before = retry_delay_s(attempts, wait_s, jitter, scope)

    assert retry_delay_s(attempts + 1, wait_s, jitter, scope) >= before


@pytest.mark.parametrize(
    ("attempts", "left", "expected"),
    [
        (7, timedelta(seconds=1), False),
        (7, timedelta(0), True),
        (0, timedelta(seconds=-1), True),
        (8, timedelta(hours=1), True),
        (9, timedelta(hours=1), True),
    ],
)
def test_a_send_is_given_up_after_eight_attempts_or_its_time(
    attempts: int, left: timedelta, expected: bool
) -> None:
    assert is_given_up(attempts, NOW, NOW + left) is expected
