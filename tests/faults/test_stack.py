"""What the tests' own view of a running gateway says of what waits."""

from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
WAITING = 'gateway_deliveries_waiting{partition="3"}'


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path / "stack", Server(tmp_path))  # none of it runs


def test_what_waits_is_told_by_name(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "metrics", lambda: {WAITING: 2.0, "gateway_dead_letters": 1.0})

    assert stack.waiting() == {WAITING: 2.0}


def test_a_figure_below_0_fails_by_its_name(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "metrics", lambda: {WAITING: -1.0})

    with pytest.raises(AssertionError, match='partition="3"'):
        stack.waiting()
