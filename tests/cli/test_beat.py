"""An operator shows and changes beat's entries; what cannot be used changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.store.redis.client import Store
from tasks.app import app as ours
from tasks.celery_setup.schedule import SCHEDULE
from tasks.scheduled.entry_changes import open_schedule
from tasks.scheduled.schedule_entries import complete_schedule
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server, free_port
from tests.support.store.raw import raw
from tests.support.web.web_app import settings

pytestmark = pytest.mark.store
CANARY = "gw:{beat}:canary"


@pytest.fixture(autouse=True)
def _installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> Any:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    schedule = open_schedule(settings(server.url))
    complete_schedule(schedule)
    yield
    ours.set_current()


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["beat", *args])


def entries() -> dict[str, dict[str, Any]]:
    listed = json.loads(run("list", "--json").output)
    return {one["name"]: one for one in listed["entries"]}


def test_all_entries_are_listed() -> None:
    found = entries()

    assert found.keys() == SCHEDULE.keys()
    assert found["canary"]["schedule"] == "every 60 s"
    assert found["cleanup-expired-sessions"]["schedule"] == "0 2 * * *"
    assert "cleanup-expired-sessions" in run("list").output


def test_an_entry_is_changed_and_the_rest_of_it_stays() -> None:
    assert run("set", "canary", "--every", "5m").output == "canary: every 300 s.\n"
    assert run("set", "canary", "--disable").output == "canary is disabled.\n"
    run("set", "cleanup-expired-sessions", "--cron", "30 3 * * 1-5")

    found = entries()
    assert (found["canary"]["schedule"], found["canary"]["is_enabled"]) == ("every 300 s", False)
    assert found["cleanup-expired-sessions"]["schedule"] == "30 3 * * 1-5"
    assert run("set", "canary", "--enable").output == "canary: every 300 s.\n"


MISTAKES: dict[str, tuple[list[str], str]] = {
    "nothing": (["canary"], "Say what changes"),
    "an unknown entry": (["canaries", "--disable"], "no entry canaries"),
    "too often": (["canary", "--every", "10ms"], "is no length of time"),
    "too seldom": (["canary", "--every", "30d"], "1 second to 7 days"),
    "no time": (["canary", "--every", "often"], "is no length of time"),
    "both": (["canary", "--every", "5m", "--cron", "0 2 * * *"], "either"),
    "six fields": (["canary", "--cron", "0 0 2 * * *"], "five fields"),
    "no number": (["canary", "--cron", "x 2 * * *"], "cannot be used"),
    "too large": (["canary", "--cron", "61 2 * * *"], "cannot be used"),
    "a part that is empty": (["canary", "--cron", "0, 2 * * *"], "cannot be used"),
    "a day that never comes": (["canary", "--cron", "0 2 31 2 *"], "cannot be used"),
}


@pytest.mark.parametrize(("args", "why"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_used_is_refused_and_changes_nothing(
    store: Store, args: list[str], why: str
) -> None:
    before = raw(store).hgetall(CANARY)

    result = run("set", *args)

    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr
    assert raw(store).hgetall(CANARY) == before


def test_an_entry_that_somebody_broke_is_named(store: Store) -> None:
    raw(store).hset(CANARY, "definition", "no JSON")

    assert "canary" not in entries()
    assert run("set", "canary", "--enable").exit_code == 2
    assert run("list").output.endswith("canary cannot be used.\n")


def test_without_a_store_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    result = run("list")

    assert (result.exit_code, "Redis does not answer" in result.stderr) == (2, True)
