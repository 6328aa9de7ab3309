"""A person stops sending, sees what is stopped, and lets it go on."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.store import number_list
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.cli.gateway_folder import enter_gateway_folder, write_settings
from tests.support.factories import NUMBER
from tests.support.servers import Server, free_port
from tests.support.store.sends import a_send, queue, take

pytestmark = pytest.mark.store
OWN = "1"  # the number of the settings


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    number_list.add_number(store, NUMBER)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def held(store: Store) -> dict[str, list[str]]:
    found = pauses.pauses_by_number(store, [NUMBER, OWN])
    return {number: [one.rule for one in told.holds] for number, told in found.items()}


def test_hold_without_a_filter_stops_every_number(store: Store) -> None:
    result = run("hold", "--yes", "--why", "the shop burns")

    assert result.exit_code == 0
    assert held(store) == {NUMBER: [""], OWN: [""]}
    assert result.output.count("the shop burns") == 2


def test_hold_of_everything_asks_first(store: Store) -> None:
    result = run("hold")

    assert result.exit_code == 1
    assert "Stop everything that 2 numbers would send?" in result.stderr
    assert held(store) == {NUMBER: [], OWN: []}


def test_the_table_answers_whether_a_number_sends(store: Store) -> None:
    run("hold", "--number", NUMBER, "--why", "the shop burns")

    result = run("hold", "--rule", "colour")

    assert "does it send?" in result.output
    assert re.search(rf"{NUMBER} +│ no: ", result.output)
    assert re.search(rf"{OWN} +│ yes, but: ", result.output)


def test_hold_stops_one_number_and_release_lets_it_go_on(store: Store) -> None:
    queue(store, a_send("one"))

    run("hold", "--number", NUMBER)
    stopped = take(store)
    result = run("release", "--number", NUMBER)

    assert (stopped, take(store)) == ([], ["one"])
    assert result.exit_code == 0


def test_hold_stops_what_a_rule_says_on_every_number(store: Store) -> None:
    run("hold", "--rule", "colour")

    assert held(store) == {NUMBER: ["colour"], OWN: ["colour"]}


def test_hold_prints_json(store: Store) -> None:
    result = run("hold", "--number", NUMBER, "--why", "why", "--json")

    told = json.loads(result.output)
    assert told[NUMBER]["paused"] is None
    assert [(one["rule"], one["why"]) for one in told[NUMBER]["held"]] == [("", "why")]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["hold", "--number", "106540352242923"], "none of our numbers; did you mean"),
        (["hold", "--rule", "color"], "no rule of this name; did you mean 'colour'?"),
        (["release"], "That is not held. Held: nothing."),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(args: list[str], sentence: str) -> None:
    result = run(*args)

    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())


def test_a_store_that_is_away_is_one_sentence() -> None:
    write_settings(f"redis://127.0.0.1:{free_port()}/0")

    result = run("hold")

    assert (result.exit_code, "Redis does not answer" in result.stderr) == (2, True)


def test_one_rule_too_many_is_refused_with_what_to_do(store: Store) -> None:
    for n in range(100):
        pauses.hold(store, [NUMBER], f"rule {n}", "")

    result = run("hold", "--number", NUMBER, "--rule", "menu")

    assert result.exit_code != 0
    assert f"So much is held of {NUMBER}" in result.output
    assert len(held(store)[NUMBER]) == 100
