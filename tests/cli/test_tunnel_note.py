"""The note of what was set at Meta is there before it is set, and holds no secret."""

from pathlib import Path

import pytest

from gateway.cli.local import workspace
from gateway.cli.setup.tunnel import callback_plan
from gateway.cli.setup.tunnel.callback_plan import CallbackNote

NOTE = CallbackNote("https://graph.test", "7", "9", "https://ours.dev/webhook", gave_app=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    workspace.make_folder()
    return tmp_path


def test_a_note_is_read_as_it_was_written_by_this_user_only() -> None:
    callback_plan.write(NOTE)

    assert callback_plan.read() == NOTE
    assert callback_plan.FILE.stat().st_mode & 0o777 == 0o600


def test_a_note_that_was_dropped_is_gone() -> None:
    callback_plan.write(NOTE)
    callback_plan.delete_note()
    callback_plan.delete_note()

    assert callback_plan.read() is None


@pytest.mark.parametrize("left", ["", "{", "[]", '{"number": "9"}', "null"])
def test_what_is_no_note_tells_nothing(left: str) -> None:
    callback_plan.FILE.write_text(left)

    assert callback_plan.read() is None


def test_a_draft_that_a_killed_run_left_is_in_nobodys_way() -> None:
    callback_plan.FILE.with_suffix(".new").write_text("half")
    callback_plan.write(NOTE)

    assert callback_plan.read() == NOTE
