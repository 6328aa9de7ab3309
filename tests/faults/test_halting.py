"""The steps at which processes die: each is one process's, and its alone."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.store.redis.client import Call
from tests.support.faults.dying_process import Halting

pytestmark = pytest.mark.faults
CALLS = [Call("commit", "", ()), Call("commit", "", ())]


class DiedError(BaseException):
    """A process of ours would have ended here."""


@pytest.fixture(autouse=True)
def survived(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise DiedError

    monkeypatch.setattr(os, "killpg", die)


@pytest.fixture
def steps(tmp_path: Path) -> tuple[Halting, Halting]:
    """Return the steps of two processes that share a folder."""
    for step in ("commit.half", "keep.half"):
        (tmp_path / f"inbound.{step}").touch()
    return Halting(tmp_path, "inbound"), Halting(tmp_path, "inbound")


def test_of_two_processes_only_one_runs_half_of_its_scripts(steps: tuple[Halting, Halting]) -> None:
    ran: list[int] = []
    one, other = steps

    def run(_: Any, calls: Sequence[Call]) -> list[Any]:
        ran.append(len(calls))
        if len(ran) == 1:  # the other gets there meanwhile
            other.scripts(run)(None, CALLS)
        return []

    with pytest.raises(DiedError):
        one.scripts(run)(None, CALLS)
    assert ran == [1, 2]


def test_of_two_processes_only_one_keeps_half(steps: tuple[Halting, Halting]) -> None:
    kept: list[int] = []
    one, other = steps

    async def append(_: Any, groups: dict[int, Any], *, by_hash: bool) -> None:
        kept.append(len(groups))
        if len(kept) == 1:
            await other.keeps(append)(None, {0: "", 1: ""}, by_hash=by_hash)

    with pytest.raises(DiedError):
        asyncio.run(one.keeps(append)(None, {0: "", 1: ""}, by_hash=True))
    assert kept == [1, 2]
