"""`gateway dead-letters` also shows what was set aside, also where it cannot be opened."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from tests.cli.test_dead_letters import run, told, write_settings
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.servers import Server
from tests.support.store.inbox_state import inbox, keep, standing
from tests.support.store.raw import now_ms, raw

pytestmark = pytest.mark.store
KEY = "ab" * 32


@pytest.fixture(autouse=True)
def _settings(store: Store, server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(server.url)
    number_list.add_number(store, NUMBER)
    store.mark(keys.INBOX_BELL, 60_000)  # so that none is rung


@pytest.fixture
def place(store: Store) -> str:
    """Set aside a delivery that a worker without its key could not open, and return its id."""
    body = delivery_body(message_item("wamid.1", "a wish")).decode()
    (name,) = keep(store, 2, body, bodies=Bodies([bytes.fromhex(KEY)]))
    with inbox(store).lease() as held:
        batch = held.next_batch()
        held.close({name: DeferReason("unopened", batch.open_errors[name])})
    return name


def with_the_key() -> None:
    Path(".env").write_text(f"{Path('.env').read_text()}GATEWAY_ENCRYPTION_KEYS={KEY}\n")


def test_it_is_listed_as_a_cause_of_its_own(place: str) -> None:
    result = run("list", "--cause", "aside", "--since", "1h")

    assert result.exit_code == 0
    line = next(line for line in result.output.splitlines() if place in line)
    assert line.split()[3:5] == ["aside", "1"]
    assert "1 dead letter (aside 1)" in result.output
    assert told("list", "--number", NUMBER)["causes"] == {}


def test_the_list_as_json_says_why_and_when_it_is_tried_again(place: str) -> None:
    (letter,) = told("list")["dead_letters"]

    assert letter["died"] < letter.pop("next_try")
    assert letter.pop("error").startswith("a worker could not open it: key ")
    letter.pop("died")
    assert letter == {
        "id": place, "kind": "delivery", "number": "", "account": None, "cause": "aside",
        "class": "unopened", "code": None, "attempts": 1,
        "advice": "Give the workers the encryption key or the release that it needs.",
    }  # fmt: skip


def test_show_tells_what_a_process_without_the_key_can_know(place: str) -> None:
    whole = told("show", place)

    assert (whole["opens_here"], whole["events"], whole["body"]) == (False, {}, None)
    assert whole["why_not"].startswith("this process cannot open it: key ")
    assert [step["what"] for step in whole["story"]] == ["kept", "set aside"]
    assert "opens here" in run("show", place).output


def test_show_tells_what_is_inside_where_it_can_be_opened(place: str) -> None:
    with_the_key()

    whole, output = told("show", place), run("show", place).output

    assert (whole["opens_here"], whole["events"], whole["why_not"]) == (True, {"message": 1}, "")
    assert "message 1" in output
    assert ANA not in output
    assert "a wish" not in output
    assert "a wish" in run("show", place, "--reveal").output


def test_a_redrive_tries_it_at_once(store: Store, place: str) -> None:
    raw(store).zadd(f"{keys.partition(2)}aside", {place.partition(":")[2]: now_ms(store) + 60_000})

    assert told("redrive", place) == {"redriven": 1, "left": {}}

    assert standing(store, 2).is_deferred_due


def test_dropping_all_leaves_what_waits_and_says_how_to_give_it_up(
    store: Store, place: str
) -> None:
    result = run("drop", "--all", "--yes")

    assert result.exit_code == 1
    assert "add --aside to give them up for good" in result.stdout
    assert standing(store, 2).deferred == 1


def test_what_a_person_gives_up_is_counted(store: Store, place: str) -> None:
    assert told("drop", place, "--aside") == {"dropped": 1, "left": {}}

    assert (standing(store, 2).deferred, standing(store, 2).given_up) == (0, 1)
    assert told("list")["dead_letters"] == []
    assert run("drop", place, "--aside").exit_code == 2
