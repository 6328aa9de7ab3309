"""An operator sends a message from the shell, shows it, lists what is scheduled, and cancels it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.operate.messages import send as send_command
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.store import number_list
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from tests.support.accounts import TestAccount, write_accounts
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server

pytestmark = pytest.mark.store
TO = "+351912345678"


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def pump(store: Store, *outcomes: Outcome) -> list[Attempt]:
    """Settle, and take what is ready of the only number."""
    found: list[Attempt] = []
    for number in number_list.numbers(store):
        found += Lanes(store, number, 1_000).pump(outcomes, 9).attempts
    return found


def attempts(store: Store) -> list[Attempt]:
    return pump(store)


def test_a_text_is_queued_and_a_worker_is_woken(store: Store) -> None:
    result = run("send", TO, "Hello")

    assert result.exit_code == 0
    (attempt,) = attempts(store)
    assert result.output == f"{attempt.send} is queued.\n"
    assert attempt.body["text"] == {"body": "Hello"}
    assert store.redis.keys("*bell:notice") != []


VALUES: dict[str, tuple[list[str], list[dict[str, str]]]] = {
    "in order": (["Ana", "17"], [{"type": "text", "text": "Ana"}, {"type": "text", "text": "17"}]),
    "by name": (["name=Ana"], [{"type": "text", "parameter_name": "name", "text": "Ana"}]),
}


@pytest.mark.parametrize(("params", "wanted"), VALUES.values(), ids=VALUES)
def test_a_template_has_its_values(
    store: Store, params: list[str], wanted: list[dict[str, str]]
) -> None:
    options = [part for one in params for part in ("--param", one)]
    args = ["--template", "order_sent", "--language", "pt_PT", *options]

    assert run("send", TO, *args).exit_code == 0

    (attempt,) = attempts(store)
    assert attempt.body["template"]["components"][0]["parameters"] == wanted


def test_a_dry_run_shows_the_body_and_stores_nothing(store: Store) -> None:
    shown = json.loads(run("send", TO, "Hello", "--dry-run").output)

    assert (shown["to"], shown["text"]) == (TO, {"body": "Hello"})
    assert store.redis.keys("*send:*") == []


WRONG: dict[str, tuple[list[str], str]] = {
    "no number": (["nobody", "Hello"], "to: is no possible phone number"),
    "nothing to send": ([TO], "Say what to send: a text, or --template."),
    "two things": ([TO, "Hello", "--template", "a"], "Say what to send"),
    "both ways of values": (
        [TO, "--template", "a", "--param", "x", "--param", "name=y"], "Give either all values",
    ),
    "a time without offset": ([TO, "Hello", "--at", "2026-12-01T09:00"], "send_at: must be a time"),
    "a time in the past": ([TO, "Hello", "--at", "2020-12-01T09:00Z"], "send_at: is in the past"),
    "a number of others": ([TO, "Hello", "--from", "999"], "999 is none of our numbers."),
    "an odd way out": ([TO, "Hello", "--when-closed", "x"], "when_closed: must be one of"),
}  # fmt: skip


@pytest.mark.parametrize(("args", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_sent_is_a_sentence(store: Store, args: list[str], sentence: str) -> None:
    result = run("send", *args)

    assert result.exit_code == 2
    assert sentence in result.output
    assert attempts(store) == []


def test_a_scheduled_message_is_listed_shown_and_cancelled(store: Store) -> None:
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    args = ["--at", at, "--reference", "order 17", "--json"]
    sent = json.loads(run("send", TO, "Hello", *args).output)

    shown = run("messages", "list", "--status", "scheduled").output
    assert sent["status"] == "scheduled"
    assert sent["id"] in shown
    assert "order 17" in shown
    assert "is scheduled, waiting for time until" in run("messages", "show", sent["id"]).output
    assert run("messages", "cancel", sent["id"]).exit_code == 0
    assert listed("--status", "scheduled") == []
    assert "is cancelled" in run("messages", "show", sent["id"]).output


def listed(*args: str) -> list[str]:
    """Return the ids of the messages that a list has."""
    return [
        one["id"] for one in json.loads(run("messages", "list", "--json", *args).output)["messages"]
    ]


def test_messages_are_listed_by_the_filters_of_the_api(store: Store) -> None:
    first, second = (
        json.loads(run("send", to, "Hello", "--reference", word, "--json").output)["id"]
        for to, word in ((TO, "order 17"), ("+351912345679", "order 18"))
    )
    assert len(attempts(store)) == 2
    pump(store, Outcome(second, 1, "accepted", wamid="wamid.2"))

    assert listed() == [second, first]
    assert listed("--limit", "1") == [second]
    assert listed("--to", TO) == [first]
    assert listed("--reference", "order 18") == listed("--status", "accepted,read") == [second]
    assert set(listed("--since", "1h")) == {first, second}
    assert listed("--until", "1h") == []
    assert "accepted" in run("messages", "list", "--reference", "order 18").output


ODD_LISTS = {
    "no status": (["--status", "gone"], "status: must be one of scheduled"),
    "no person": (["--to", "hello"], "to: is no possible phone number"),
    "no time": (["--since", "soon"], "soon is no time"),
}


@pytest.mark.parametrize(("args", "sentence"), ODD_LISTS.values(), ids=ODD_LISTS)
def test_a_list_that_cannot_be_read_is_a_sentence(args: list[str], sentence: str) -> None:
    result = run("messages", "list", *args)

    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_a_message_that_failed_ends_the_command_with_1(store: Store) -> None:
    run("send", TO, "Hello")
    (attempt,) = attempts(store)
    error = json.dumps({"code": 131026, "reason": "Undeliverable."})
    pump(store, Outcome(attempt.send, 1, "dead", error_json=error))

    result = run("messages", "show", attempt.send)
    late = run("messages", "cancel", attempt.send)

    assert result.exit_code == 1
    assert f"{attempt.send} is failed: Undeliverable." in result.output
    assert late.exit_code == 2
    assert "It is too late: the message is dead." in late.output


def test_a_wait_ends_with_what_is_known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_command, "WAIT_S", 0.0)

    shown: dict[str, Any] = json.loads(run("send", TO, "Hello", "--wait", "--json").output)

    assert (shown["status"], shown["waiting_for"]["reason"]) == ("queued", "pace")


def test_an_unknown_message_is_a_sentence() -> None:
    for command in ("show", "cancel"):
        result = run("messages", command, "nothing")
        assert result.exit_code == 2
        assert "No message has the id nothing, or it is forgotten." in result.output


def test_a_message_of_a_number_that_no_account_has_any_more_can_be_cancelled(
    server: Server, tmp_path: Path
) -> None:
    id_ = json.loads(run("send", TO, "Hello", "--json").output)["id"]
    others = [TestAccount("shop", ["1002"], "501", more="rules: rules.yaml")]
    env = {"REDIS_URL": server.url} | write_accounts(tmp_path, others)
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))

    assert run("messages", "show", id_).exit_code == 0
    assert run("messages", "cancel", id_).output == f"The message {id_} is cancelled.\n"
    assert "cancelled" in run("messages", "show", id_).output


@pytest.mark.parametrize("more", [["a\udcff"], ["a", "--reference", "\udcff"],
                                  ["--template", "a", "--param", "\udcff"],
                                  ["a\udcff", "--dry-run"]])  # fmt: skip
def test_a_message_that_is_not_in_utf_8_is_refused(store: Store, more: list[str]) -> None:
    sent = run("send", TO, *more)

    assert sent.exit_code == 2
    assert "UTF-8" in sent.output
    assert attempts(store) == []


def test_a_national_number_is_read_in_the_country_of_the_account(
    server: Server, store: Store, tmp_path: Path
) -> None:
    shop = TestAccount("shop", ["1002"], "501", more="rules: rules.yaml\ncountry: PT")
    env = {"REDIS_URL": server.url} | write_accounts(tmp_path, [shop])
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))

    shown = run("send", "912 345 678", "Hello", "--dry-run")

    assert json.loads(shown.output)["to"] == TO
