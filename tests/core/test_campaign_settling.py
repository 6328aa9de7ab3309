"""A campaign that has ended settles until no status can change its funnel any more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.campaigns.view import SETTLES_FOR, is_settling

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phase", "cells", "age", "settles"),
    [
        ("completed", {"delivered": 1, "read": 9}, timedelta(0), True),
        ("completed", {"accepted": 1}, SETTLES_FOR, True),
        ("completed", {"accepted": 1}, SETTLES_FOR + timedelta(seconds=1), False),
        ("completed", {"read": 5, "failed": 5}, timedelta(0), False),
        ("cancelled", {"sent": 1, "cancelled": 9}, timedelta(0), True),
        ("expired", {"expired": 9}, timedelta(0), False),
        ("running", {"sent": 1}, timedelta(0), False),
    ],
)
def test_it_settles_while_a_status_may_come(
    phase: Any, cells: dict[str, int], age: timedelta, settles: bool
) -> None:
    assert is_settling(phase, NOW - age, Funnel(cells), NOW) is settles
