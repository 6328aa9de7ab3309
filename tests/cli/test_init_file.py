"""The file .env is set name by name, at once or not at all, and everything else in it stays."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.setup.init.dotenv_file import (
    find_changes,
    merge_values,
    parse_values,
    write,
)
from gateway.cli.setup.init.text_file import FileError, check_writable, read

OURS = {"META_APP_ID": "7", "META_APP_SECRET": "new"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "A=1\n"),
        ("# mine\n\nB=2\n", "# mine\n\nB=2\nA=1\n"),
        ("B=2", "B=2\nA=1\n"),
        ("A=\nB=2 # two\n", "A=1\nB=2 # two\n"),
        ("B=2\nA='old # value'", "B=2\nA=1\n"),
        ("A=old\nB=2\nA=older\n", "A=1\nB=2\n"),
        ("  export A=old\n", "export A=1\n"),
        ('A="two\nlines"\nB=2\n', "A=1\nB=2\n"),
        ('B="two\nA=lines"\n', 'B="two\nA=lines"\nA=1\n'),
        ("B=2\r\n", "B=2\r\nA=1\n"),
        ("what is this?\n", "what is this?\nA=1\n"),
        ("AA=3\n#A=4\n", "AA=3\n#A=4\nA=1\n"),
    ],
)
def test_a_name_is_set_where_it_stands_and_the_rest_stays(before: str, after: str) -> None:
    assert merge_values(before, {"A": "1"}) == after
    assert parse_values(after)["A"] == "1"


@pytest.mark.parametrize("value", ["", "a b", "#1", "it's", "a\\b", 'say "x"', " x ", "ü", "$x"])
def test_a_value_is_read_as_it_was_written(value: str) -> None:
    after = merge_values("B=2\n", {"A": value}) + "C=3\n"

    assert (parse_values(after).get("A", ""), parse_values(after)["C"]) == (value, "3")


def test_a_value_that_would_be_read_otherwise_is_not_written() -> None:
    with pytest.raises(FileError, match=r"it cannot hold the value of A\."):
        merge_values("B=2\n", {"A": "${B}"})


def test_a_new_file_says_who_wrote_it() -> None:
    assert merge_values(None, {"A": "1"}).startswith("# Written by gateway init")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, OURS),
        ("META_APP_ID='7'\nMETA_APP_SECRET=new\n", {}),
        ("META_APP_ID=7\nMETA_APP_SECRET=old\n", {"META_APP_SECRET": "new"}),
        (
            "META_APP_ID=7\nMETA_APP_SECRET=new\nMETA_APP_SECRET_FILE=/run/old\n",
            {"META_APP_SECRET_FILE": ""},
        ),
    ],
)
def test_only_what_differs_is_set(before: str | None, expected: dict[str, str]) -> None:
    assert find_changes(before, OURS) == expected


def test_the_file_is_its_owners_alone_whatever_it_was(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=old\n")
    path.chmod(0o644)

    write(path, "A=1\n")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "A=1\n"
    assert os.listdir(tmp_path) == [".env"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / ".env"
    path.symlink_to(tmp_path / "elsewhere/secrets")

    write(path, "A=1\n")

    assert path.is_symlink()
    assert (tmp_path / "elsewhere/secrets").read_text() == "A=1\n"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("ending", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_ends_the_writing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, ending: BaseException
) -> None:
    def fails(*_: Any) -> None:
        raise ending

    (tmp_path / ".env").write_text("A=old\n")
    monkeypatch.setattr(os, step, fails)

    with pytest.raises((FileError, KeyboardInterrupt)):
        write(tmp_path / ".env", "A=1\n")

    assert (tmp_path / ".env").read_text() == "A=old\n"
    assert os.listdir(tmp_path) == [".env"]


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match=r"Cannot read \.env: it is no text\."):
        read(tmp_path / ".env")


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(FileError, match=r"Cannot read \.env: Is a directory\."):
        read(tmp_path / ".env")


def test_a_folder_that_is_not_there_is_told_before_anybody_types(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="this folder may not be written to"):
        check_writable(tmp_path / "nowhere/.env")
