"""When the store is full, told from what it held before."""

import pytest

from gateway.core.storage.forecast import DAY_MS, HOUR_MS, forecast

NOW = 100 * DAY_MS


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ({NOW - 24 * HOUR_MS: 500}, "full in 4 days at the rate of the last 24 h"),
        (
            {NOW - 12 * HOUR_MS: 500, NOW - HOUR_MS: 1},
            "full in 2 days at the rate of the last 12 h",
        ),
        ({NOW - 6 * HOUR_MS: 500}, "full in 24 hours at the rate of the last 6 h"),
        ({NOW - 24 * HOUR_MS: 600}, "never full at the rate of the last 24 h"),
        ({NOW - 24 * HOUR_MS: 700}, "never full at the rate of the last 24 h"),
        ({NOW - HOUR_MS + 1: 1, NOW - 48 * HOUR_MS: 1, NOW + HOUR_MS: 1}, "None"),
        ({}, "None"),
    ],
)  # fmt: skip
def test_it_is_told_from_the_oldest_sample_of_a_day(samples: dict[int, int], told: str) -> None:
    assert str(forecast(NOW, 600, 1_000, samples)) == told


def test_what_is_full_already_is_full_in_no_time() -> None:
    found = forecast(NOW, 2_000, 1_000, {NOW - DAY_MS: 500})
    assert found
    assert found.days == 0


def test_nothing_is_told_where_there_is_no_limit() -> None:
    assert forecast(NOW, 2_000, 0, {NOW - DAY_MS: 500}) is None
