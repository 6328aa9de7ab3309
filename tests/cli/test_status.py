"""`gateway status` looks twice, tells what it saw, and its exit code says whether all is well."""

import json
import os
import pty
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.operate.status import command
from gateway.core.alerts import Alert, AlertState, Cause
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages
from gateway.store.monitoring import alert_store
from gateway.store.outgoing.forwards import queue_copy
from gateway.store.redis.client import Store
from tasks.celery_setup.config import QUEUES
from tests.support.cli.dev_gateway import GATEWAY, environment
from tests.support.cli.gateway_folder import enter_gateway_folder, write_settings
from tests.support.factories import NUMBER
from tests.support.servers import Server, free_port
from tests.support.store.inbox_state import keep
from tests.support.store.raw import raw
from tests.support.store.sends import a_send, queue, settle, take

pytestmark = pytest.mark.store


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    answered(monkeypatch, dict.fromkeys(QUEUES, 1))


def answered(monkeypatch: pytest.MonkeyPatch, listeners: dict[str, int]) -> None:
    """Let so many workers answer for each queue."""
    monkeypatch.setattr(command, "count_listeners", lambda _: listeners)


@pytest.fixture
def ticking(store: Store) -> Store:
    """Let everything be well: a tick ran, and one number is known."""
    number_list.add_number(store, NUMBER)
    run_ages.record_run(store, "tick")
    return store


def status(*args: str) -> Result:
    return CliRunner().invoke(app, ["status", *args])


def test_where_all_is_well_the_exit_code_is_0(ticking: Store) -> None:
    keep(ticking, 2, "a")

    result = status("--once")

    assert result.exit_code == 0
    assert result.output.startswith("● all is well\n")
    assert "0.0/s, 1 in all" in result.output


def test_what_is_wrong_is_named_and_the_exit_code_is_1(ticking: Store) -> None:
    queue(ticking, a_send("one"))
    take(ticking)
    settle(ticking, a_send("one"), "dead", error_json='{"code":190}')
    raw(ticking).delete(f"{keys.LAST_RUN}tick")

    result = status("--json")

    told = json.loads(result.output)
    assert result.exit_code == 1
    assert told["wrong"] == [
        "There was no tick for more than ten seconds (none within a day). Start beat and the "
        "workers of worker-default, or see in their logs why they hang.",
        "There are dead letters (1). See gateway dead-letters list.",
    ]
    assert told["dead_letters"] == {"refused": 1}
    assert told["numbers"][NUMBER]["dead"] == 1


def test_a_queue_without_a_worker_is_wrong(ticking: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, dict.fromkeys(QUEUES, 1) | {"critical": 0})

    result = status("--once")

    assert result.exit_code == 1
    assert "No worker that listens to the queue critical answered." in result.output
    assert "Start worker-critical" in result.output


def test_an_alert_that_has_begun_is_wrong_until_it_ends(ticking: Store) -> None:
    alert = Alert(Cause("rule", "vip", NUMBER), "warning", "A customer waits.", "Answer.")
    begun = AlertState("id", alert, 1)
    alert_store.replace_row(ticking, alert.cause.key, None, begun)

    result = status("--once")
    row = alert_store.read_rows(ticking)[alert.cause.key]
    alert_store.replace_row(ticking, alert.cause.key, row, replace(begun, until_ms=2))

    assert result.exit_code == 1
    assert f"Number {NUMBER}: A customer waits. Answer." in result.output
    assert status("--once").exit_code == 0


def test_a_campaign_that_is_over_is_news_and_nothing_wrong(ticking: Store) -> None:
    cause = Cause("campaign_completed", "an id", NUMBER)
    alert = Alert(cause, "warning", "The campaign spring is completed.", "See it.")
    alert_store.replace_row(ticking, cause.key, None, AlertState("id", alert, 1))
    sentence = f"Number {NUMBER}: The campaign spring is completed. See it."

    result = status("--once")
    told = json.loads(status("--json").output)

    assert result.output.startswith(f"● all is well\n· {sentence}\n")
    assert (result.exit_code, told["well"], told["news"]) == (0, True, [sentence])


def test_output_for_another_program_is_not_wrapped(
    ticking: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, {})

    lines = status("--once").output.splitlines()

    assert next(line for line in lines if line.startswith("✗")).endswith("does not answer.")


def test_the_rulebook_is_the_one_of_the_rules_here(ticking: Store) -> None:
    version = json.loads(status("--json").output)["rulebook"]
    Path("rules.yaml").write_text("version: 2")

    assert len(version) == 12
    assert json.loads(status("--json").output)["rulebook"] == ""


def test_a_receiver_that_the_rules_do_not_name_is_told_as_such(ticking: Store) -> None:
    assert queue_copy(ticking, NUMBER, "old", "an id", b"an event")
    shown = status("--once").output
    condition = json.loads(status("--json").output)["forwards"][0]["condition"]
    Path("rules.yaml").write_text("version: 2")
    unknown = json.loads(status("--json").output)["forwards"][0]["condition"]

    assert re.search(r"forwards to old +not in the rules, 1 wait, 0 received", shown)
    assert (condition, unknown) == ("unnamed", "well")


def test_a_store_that_is_away_is_wrong() -> None:
    write_settings(f"redis://127.0.0.1:{free_port()}/0")

    result = status()

    assert result.exit_code == 1
    assert "Redis does not answer" in result.output


def test_bad_settings_are_bad_input() -> None:
    Path(".env").write_text("REDIS_URL=nowhere\n")

    assert status("--once").exit_code == 2


def test_at_a_terminal_it_stays_up_to_date_until_it_is_stopped(ticking: Store) -> None:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [*GATEWAY, "status"], env=environment(TERM="xterm"), stdin=theirs, stdout=theirs
    )
    os.close(theirs)
    try:
        seen(ours, b"0 in all")
        keep(ticking, 2, "a")
        seen(ours, b"1 in all")
        program.send_signal(signal.SIGINT)
        seen(ours, b"\x1b[?1049l")  # The terminal is given back as it was.
        assert program.wait(180) == 0
    finally:
        program.kill()
        os.close(ours)


def test_the_live_screen_names_a_queue_without_a_worker(ticking: Store) -> None:
    """No worker runs beside the test, so each queue has none."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [*GATEWAY, "status"], env=environment(TERM="xterm"), stdin=theirs, stdout=theirs
    )
    os.close(theirs)
    try:
        seen(ours, b"No worker that listens")
    finally:
        program.kill()
        program.wait(180)
        os.close(ours)


def test_rates_are_watched_for_as_long_as_asked(ticking: Store) -> None:
    keep(ticking, 2, "a")
    shown = status("--once", "--seconds", "4")

    assert re.search(r"kept +0\.0/s, 1 in all", shown.stdout)
    assert status("--json", "--seconds", "0").exit_code == 2


def seen(terminal: int, wanted: bytes) -> None:
    """Read what a terminal shows until something is there."""
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 65_536)
