"""A replay keeps the pauses that were recorded, as many times shorter as asked."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cli.develop.replay.pacing import ReplayPace, parse_pace
from tests.support.factories import NOW


@pytest.mark.parametrize(
    ("written", "seconds", "due"),
    [
        ("1x", [0, 2, 5], [0, 2, 5]),
        ("10x", [0, 2, 5], [0, 0.2, 0.5]),
        ("0.5x", [0, 2], [0, 4]),
        ("max", [0, 2, 5], [0, 0, 0]),
        # Another file begins in the middle.
        ("1x", [100, 102, 7, 8], [0, 2, 2, 3]),
    ],
)
def test_each_delivery_is_due_as_long_after_the_first_as_it_was(
    written: str, seconds: list[int], due: list[float]
) -> None:
    paced = parse_pace(written)

    assert paced
    assert [paced.due_s(NOW + timedelta(seconds=one)) for one in seconds] == due


@pytest.mark.parametrize("written", ["", "x", "0x", "0.0x", "-1x", "10", "fast", "1e3x", "1x "])
def test_what_is_no_speed_is_none(written: str) -> None:
    assert parse_pace(written) is None


def test_no_pause_is_longer_than_a_system_can_wait() -> None:
    paced = ReplayPace(0.001)
    paced.due_s(datetime.min.replace(tzinfo=UTC))

    assert paced.due_s(datetime.max.replace(tzinfo=UTC)) < threading.TIMEOUT_MAX
