"""An operator makes a schedule from the shell, previews, lists, pauses, resumes and removes it."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.store.api.schedules import book
from gateway.store.redis.client import Store
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server

pytestmark = pytest.mark.store
TO = "+351912345678"
WEEKDAYS = ("add", "0 9 * * MON-FRI", TO, "Good morning", "--zone", "Europe/Lisbon")


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["schedules", *args])


def shown(*args: str) -> dict[str, Any]:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def test_a_schedule_is_made_listed_and_shown() -> None:
    one = shown(*WEEKDAYS, "--name", "mornings", "--count", "3")

    assert (one["status"], one["zone"], len(one["upcoming"])) == ("active", "Europe/Lisbon", 3)
    assert one["message"]["text"] == "Good morning"
    listed = run("list").output
    assert one["id"] in listed
    assert "mornings" in listed
    assert listed.endswith("1 schedule.\n")
    told = run("show", one["id"]).output.splitlines()
    assert told[0] == f"{one['id']} (mornings) is active."
    assert told[1].endswith("at '0 9 * * MON-FRI' in Europe/Lisbon")
    assert told[2] == "  0 of 3 sent, 0 missed, 0 failures"
    assert len(told) == 6
    assert TO not in "".join(told)


def test_a_template_is_sent_with_its_values() -> None:
    args = ["add", "0 9 1 * *", TO, "--template", "order_sent", "--param", "Ana"]

    one = shown(*args, "--zone", "UTC", "--missed", "once", "--until", "2027-06-01T00:00Z")

    assert one["message"]["template"]["params"] == ["Ana"]
    assert (one["missed"], one["until"]) == ("once", "2027-06-01T00:00:00+00:00")


def test_a_paused_schedule_waits_until_it_is_resumed() -> None:
    id_ = shown(*WEEKDAYS)["id"]

    assert run("pause", id_).output == f"The schedule {id_} is paused.\n"
    assert shown("show", id_)["next_at"] is None
    assert run("resume", id_).output.startswith(f"The schedule {id_} sends at 20")
    assert shown("show", id_)["status"] == "active"


def test_a_removed_schedule_is_gone() -> None:
    id_ = shown(*WEEKDAYS)["id"]

    assert run("remove", id_).output == f"The schedule {id_} is removed.\n"
    for command in ("show", "pause", "remove"):
        result = run(command, id_)
        assert (result.exit_code, id_ in result.stderr) == (2, True)
    assert shown("list") == {"data": []}


def test_a_preview_stores_nothing(store: Store) -> None:
    lines = run("preview", "30 1 * * *", "--zone", "Asia/Tokyo").output.splitlines()

    assert len(lines) == 5
    assert all(line.endswith("01:30 +0900") for line in lines)
    assert store.redis.keys("*schedule*") == []


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "an expression": (["add", "0 25 * * *", TO, "Hi", "--zone", "UTC"], ["cron: "]),
    "no zone": (["add", "0 9 * * *", TO, "Hi"], ["zone: is missing"]),
    "all at once": (
        ["add", "x", "1", "Hi", "--zone", "x", "--missed", "x", "--until", "x"],
        ["cron: ", "zone: ", "to: ", "missed: ", "until: "],
    ),
    "no content": (["add", "0 9 * * *", TO, "--zone", "UTC"], ["Say what to send"]),
    "a preview": (["preview", "0 0 9 * * *", "--zone", "Atlantis"], ["seconds", "zone: "]),
}


@pytest.mark.parametrize(("args", "wanted"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named_by_their_argument(args: list[str], wanted: list[str]) -> None:
    result = run(*args)

    assert result.exit_code == 2
    assert [one for one in wanted if one not in result.stderr] == []


def test_one_more_than_there_may_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "count_schedules", lambda *_: 10_000)

    result = run(*WEEKDAYS)

    assert (result.exit_code, "10,000 schedules" in result.stderr) == (2, True)


def test_the_examples_of_the_page_work_as_they_stand() -> None:
    page = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
    commands = re.findall(r"^gateway schedules (.*?)(?:\s+#.*)?$", page, re.MULTILINE)
    ids = [shown(*shlex.split(one))["id"] for one in commands if one.startswith("add")]

    assert len(commands) == 8
    for one in commands[2:]:
        args = [ids[0] if "kq3f" in word else word for word in shlex.split(one)]
        assert run(*args).exit_code == 0, one
