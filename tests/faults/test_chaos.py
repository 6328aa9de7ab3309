"""A short form of `scripts/chaos`: every fault about once, and nothing lost or doubled."""

import pytest

from tests.chaos.__main__ import broken
from tests.chaos.gateway import Gateway
from tests.chaos.report import markdown
from tests.chaos.run import Asked

pytestmark = pytest.mark.faults


def test_random_kills_under_load_lose_and_double_nothing() -> None:
    (found,) = broken([Gateway], Asked(kills=13, seconds=150, rate=30, seed=7))

    assert found.stories == []
    assert found.right
    assert found.tries.total() == len(Gateway.faults)
    assert found.kept.total() > 100
    assert "| gateway | all | 13 |" in markdown([found], "today")
