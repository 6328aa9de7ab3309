"""`gateway trace` tells a story on one screen, as JSON, or says in one sentence why not."""

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.local import workspace
from gateway.cli.local.workspace import Running
from gateway.cli.main import app
from gateway.core.events import Delivery, Unreadable
from gateway.core.webhook.parser import split
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import unreadable
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NOW, NUMBER, a_message, delivery_body, message_item
from tests.support.servers import Server, free_port
from tests.support.store.inbox_state import keep
from tests.support.store.plans import planned
from tests.support.store.sends import settle, take

pytestmark = pytest.mark.store
MOMENT = r"^[│├└─\s]+(\d\S+ \S+Z)?\s+"


def write_settings(redis_url: str) -> None:
    Path(".env").write_text(
        f"REDIS_URL={redis_url}\nMETA_APP_SECRET=s\nMETA_VERIFY_TOKEN=v\n"
        "META_ACCESS_TOKEN=t\nMETA_PHONE_NUMBER_ID=1\n"
    )


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(server.url)


@pytest.fixture
def send(store: Store) -> str:
    """Let a message be kept, planned and answered, and return the id of the answer's send."""
    number_list.add_number(store, NUMBER)
    (place,) = keep(store, 3, delivery_body(message_item("wamid.in", "a secret")).decode())
    (plan,) = planned(store, a_message("wamid.in", delivery=place))
    assert commit(store, [plan], timedelta(days=7)) == [True]
    take(store)
    (made,) = plan.sends
    settle(store, made, "accepted", wamid="wamid.out", history_json='{"outcome":"accepted"}')
    return made.id


def trace(*args: str) -> Result:
    return CliRunner().invoke(app, ["trace", *args])


def test_a_story_is_one_tree(send: str) -> None:
    result = trace("wamid.in")

    assert result.exit_code == 0
    told = [re.sub(MOMENT, "", line) for line in result.output.splitlines()]
    assert told[0] == f"message wamid.in  text from …0001 (8 characters) to number {NUMBER}"
    assert told[2:] == [
        "planned      rulebook v1, first contact",
        "rule welcome  always",
        f"send {send}  text (7 characters), by rule welcome, reply: accepted",
        "attempt 1    accepted",
        "message      wamid.out",
    ]


@pytest.mark.parametrize("asked", ["wamid.in", "wamid.out", "the send"])
def test_every_end_leads_to_the_same_story(send: str, asked: str) -> None:
    assert trace(send if asked == "the send" else asked).output == trace("wamid.in").output


@pytest.mark.parametrize("spelling", [f"+{ANA}", "+351 900-000 001", "(+351) 900.000.001"])
def test_a_customer_is_found_however_the_number_is_spelled(send: str, spelling: str) -> None:
    result = trace(spelling)

    assert result.exit_code == 0
    assert result.output.startswith(f"customer of number {NUMBER}")
    assert "message wamid.in" in result.output
    assert ANA not in result.output


@pytest.mark.parametrize("name", ["+5511987654321", "+55 11 8765-4321", "BR.1a2B"])
def test_a_customer_is_found_under_every_name(store: Store, name: str) -> None:
    number_list.add_number(store, NUMBER)
    event = a_message("wamid.in", "551187654321", user_id="BR.1a2B")
    assert commit(store, planned(store, event), timedelta(days=7)) == [True]

    result = trace(name)

    assert (result.exit_code, "message wamid.in" in result.output) == (0, True)


def test_what_is_private_is_shown_where_it_is_asked_for(send: str) -> None:
    assert "a secret" not in trace("wamid.in").output
    assert f'from {ANA} "a secret"' in trace("wamid.in", "--reveal").output


def test_a_text_cannot_steer_the_terminal(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    keep(store, 3, delivery_body(message_item("wamid.in", "a\x1b[2J\nb\x9b2J")).decode())

    assert '"a\\x1b[2J\\nb\\x9b2J"' in trace("wamid.in", "--reveal").output


def test_json_is_data_with_names(send: str) -> None:
    result = trace("wamid.in", "--json")

    told = json.loads(result.output)
    (event,) = told["events"]
    (sent,) = event["sends"]
    assert (result.exit_code, told["found"], told["customers"]) == (0, True, [])
    assert (event["kind"], event["wamid"], event["state"]) == ("message", "wamid.in", "planned")
    assert (sent["id"], sent["wamid"], sent["stage"]) == (send, "wamid.out", "accepted")
    assert [one["outcome"] for one in sent["attempts"]] == ["accepted"]


def test_json_has_texts_only_where_it_is_asked_for(send: str) -> None:
    assert "a secret" not in trace("wamid.in", "--json").output

    (event,) = json.loads(trace("wamid.in", "--json", "--reveal").output)["events"]
    assert (event["text"], event["customer"]) == ("a secret", ANA)


@pytest.mark.parametrize(("limit", "has_more"), [(1, True), (2, False)])
def test_a_customer_with_more_records_than_are_shown_has_more(
    store: Store, limit: int, *, has_more: bool
) -> None:
    number_list.add_number(store, NUMBER)
    for wamid in ("wamid.1", "wamid.2"):
        commit(store, planned(store, a_message(wamid)), timedelta(days=7))

    (customer,) = json.loads(trace(f"+{ANA}", "--json", "--limit", str(limit)).output)["customers"]

    assert (len(customer["events"]), customer["has_more_events"]) == (limit, has_more)
    assert customer["events"][-1]["wamid"] == "wamid.2"


def test_what_is_not_known_here_ends_with_code_1(store: Store) -> None:
    result = trace("wamid.never")

    assert result.exit_code == 1
    assert "not known here: never kept, or more than 8 days ago" in result.output
    assert json.loads(trace("wamid.never", "--json").output)["found"] is False


@pytest.mark.parametrize("asked", ["", "351900000001", "+12", "wamid.", "wamid.a b", "A" * 24])
def test_what_names_nothing_is_one_sentence(asked: str) -> None:
    result = trace(asked)

    assert result.exit_code == 2
    assert "error: Give a wamid, the id of a send" in " ".join(result.output.split())


def test_a_store_that_is_away_is_one_sentence() -> None:
    write_settings(f"redis://127.0.0.1:{free_port()}/0")

    result = trace("wamid.in")

    assert result.exit_code == 2
    assert "Redis does not answer (ConnectionError), so nothing can be told." in result.output


def test_without_settings_what_is_missing_is_told() -> None:
    Path(".env").write_text("")

    result = trace("wamid.in")

    assert result.exit_code == 2
    assert "start one with scripts/dev" in result.output
    assert "REDIS_URL is not set" in result.output


def test_the_gateway_dev_of_the_folder_is_looked_at(send: str, server: Server) -> None:
    Path(".env").write_text("")
    workspace.make_folder()
    held = workspace.hold(workspace.DEV_LOCK, 1)
    workspace.publish(Running(1, "http://web", "http://meta", server.url, "rules", NUMBER, "s"))

    assert held is not None
    assert trace("wamid.in").exit_code == 0
    os.close(held)


@pytest.mark.parametrize("asked", ["wamid.lost=", f"+{ANA}"])
def test_what_could_not_be_read_is_found_by_what_stands_in_it(store: Store, asked: str) -> None:
    number_list.add_number(store, "")
    body = f'no webhook of "wamid.lost=" from {ANA}'
    (place,) = keep(store, 3, body)
    (event,) = split(Delivery(place, NOW, body.encode()))
    assert isinstance(event, Unreadable)
    assert unreadable.store_unreadable(store, Bodies(), [event]) == [None]

    result = trace(asked)

    assert result.exit_code == 0
    assert "not readable (not_json): gateway dead-letters show " in result.output
    assert ANA not in result.output
