"""The folder of `gateway dev` tells who runs here, and nothing in it can be stale."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.local import workspace
from gateway.cli.local.workspace import DEV_LOCK, Running

RUNNING = Running(7, "http://web", "http://sandbox", "redis://r", "/rules", "42", "secret")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def held() -> Iterator[int]:
    workspace.make_folder()
    lock = workspace.hold(DEV_LOCK, 0)
    assert lock is not None
    yield lock
    os.close(lock)


def test_only_one_holds_a_lock(held: int) -> None:
    assert workspace.hold(DEV_LOCK, 0) is None


def test_what_runs_is_found(held: int) -> None:
    workspace.publish(RUNNING)

    assert workspace.find_running() == RUNNING


def test_nothing_is_found_where_nothing_ever_ran() -> None:
    assert workspace.find_running() is None


def test_what_a_killed_run_left_is_not_believed() -> None:
    workspace.make_folder()
    workspace.publish(RUNNING)

    assert workspace.find_running() is None


def test_one_that_does_not_get_ready_is_not_waited_for_for_ever(held: int) -> None:
    assert workspace.find_running(0) is None


@pytest.mark.parametrize("written", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_note_counts_as_none(held: int, written: str) -> None:
    (workspace.FOLDER / "dev.json").write_text(written)

    assert workspace.find_running(0) is None


def test_nobody_else_can_read_the_secret(held: int) -> None:
    workspace.publish(RUNNING)

    assert (workspace.FOLDER / "dev.json").stat().st_mode & 0o777 == 0o600
    assert workspace.FOLDER.stat().st_mode & 0o777 == 0o700
    assert "secret" not in repr(RUNNING)
