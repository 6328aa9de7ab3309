"""A short form of `scripts/chaos`: every fault about once, and nothing lost or doubled."""

import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.chaos import run
from tests.chaos.__main__ import State, broken
from tests.chaos.gateway import Gateway
from tests.chaos.report import markdown
from tests.chaos.run import Asked, break_it

pytestmark = pytest.mark.faults


@pytest.mark.long  # Each of its faults has a test of its own, which runs always.
@pytest.mark.timeout(900)
def test_random_kills_under_load_lose_and_double_nothing() -> None:
    asked = Asked(kills=7, seconds=300, rate=30, seed=7, large=0.005)
    (found,) = broken([partial(Gateway, large=asked.large)], asked)

    assert found.stories == []
    assert found.right, found
    assert found.tries == Counter(Gateway.faults)
    assert found.kept.total() > 100
    assert found.large.total() > 0
    assert found.requests.total() > 20
    assert "| gateway | all kills | 7 |" in markdown([found], "today")


class Unbreakable:
    """A system that keeps nothing and goes on after every fault."""

    name = "unbreakable"
    faults = ("one", "two", "three", "four", "five")
    kills = frozenset({"one", "two"})
    posted_again = 0

    def __init__(self) -> None:
        self.count = 0

    def post(self, _: int) -> bool:
        return True

    def inflict(self, _: str) -> None:
        pass

    def revive(self) -> None:
        self.count += 10

    def answered(self) -> int:
        return self.count

    def buried(self) -> int:
        return 0

    def settle(self) -> None:
        pass

    def is_large(self, _: int) -> bool:
        return False

    def is_request(self, _: int) -> bool:
        return False

    def fates(self, _: object) -> dict[int, list[object]]:
        return {}


def test_a_run_that_was_ended_goes_on_with_the_faults_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        run, "time", SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic)
    )
    asked = Asked(kills=6, seconds=300, rate=10, seed=3)
    system = cast(Gateway, Unbreakable())
    whole: list[str] = []
    break_it(system, asked, whole.append)
    file = tmp_path / "state.json"
    parts: list[str] = []
    break_it(system, replace(asked, kills=2), parts.append, save=State(file, seed=3).save)

    state = State.read(file)
    assert state.found
    resumed = break_it(system, asked, parts.append, state.found, state.save)

    assert parts == whole
    assert (resumed.rounds, resumed.killed, resumed.tries.total()) == (3, 6, 15)
    assert State.read(file) == State(file, 3, resumed)
