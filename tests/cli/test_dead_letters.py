"""`gateway dead-letters` lists, shows, redrives and drops, and says what it did."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.core.events import Delivery, Unreadable
from gateway.core.planning.batch import Failure
from gateway.core.webhook.parser import split
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import unreadable
from gateway.store.planning.commit import store_dead_letters
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NOW, NUMBER, a_message, delivery_body
from tests.support.servers import Server, free_port
from tests.support.store.dead_sends import die, doubted
from tests.support.store.inbox_state import keep
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, a_send, dead_members, queue, stage, take

pytestmark = pytest.mark.store
TRACE = "Traceback:\n  File \"plan.py\", line 7, in _after\n    boom\nKeyError: 'my secret wish'"


@pytest.fixture(autouse=True)
def _settings(store: Store, server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(server.url)
    number_list.add_number(store, NUMBER)
    # The bells are set, so that none is rung: what a bell does is not what is looked at here.
    for rank in ("reply", "bulk"):
        store.mark(keys.number_bell(NUMBER, rank), 60_000)
    store.mark(keys.INBOX_BELL, 60_000)


def write_settings(redis_url: str) -> None:
    Path(".env").write_text(
        f"REDIS_URL={redis_url}\nMETA_APP_SECRET=s\nMETA_VERIFY_TOKEN=v\n"
        "META_ACCESS_TOKEN=t\nMETA_PHONE_NUMBER_ID=1\n"
    )


def run(*args: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["dead-letters", *args], input=answer)


def told(*args: str) -> Any:
    return json.loads(run(*args, "--json").stdout)


def refuse(store: Store, name: str, code: int = 131047) -> str:
    """Let a send be refused for good, and return its id."""
    send = a_send(name, lane=f"{ANA}{name}")
    queue(store, send)
    die(store, send, code=code)
    return send.id


def doubt(store: Store, name: str) -> str:
    return doubted(store, a_send(name, lane=f"{ANA}{name}")).id


def break_planning(store: Store, wamid: str, place: str = "0:1-0", item: int = 0) -> None:
    event = a_message(wamid, delivery=place, item=item, raw={"from": ANA, "text": {"body": "wish"}})
    store_dead_letters(store, [Failure(event, "KeyError", TRACE)])


def listed(*args: str) -> list[str]:
    return [letter["id"].rstrip("x") for letter in told("list", *args)["dead_letters"]]


def test_the_list_tells_the_cause_and_what_to_do(store: Store) -> None:
    name = refuse(store, "one")
    doubt(store, "two")

    result = run("list")

    assert result.exit_code == 0
    line = next(line for line in result.output.splitlines() if name in line)
    assert line.split()[2:6] == ["s", "refused", "131047", "1"]
    assert "2 dead letters (" in result.output
    assert "unconfirmed 1" in result.output


def test_the_list_as_json_holds_what_programs_need(store: Store) -> None:
    refuse(store, "one")

    (letter,) = told("list")["dead_letters"]

    assert datetime.fromisoformat(letter.pop("died")) <= datetime.now(UTC)
    assert letter == {
        "id": "one".ljust(24, "x"), "kind": "send", "number": NUMBER, "account": None,
        "cause": "refused", "code": 131047, "error": "131047: Send a template. (24 hours)",
        "advice": "Send a template: the customer's last message is older than 24 hours.",
        "attempts": 1, "redriven": 0,
    }  # fmt: skip


def test_filters_and_the_limit_choose_what_is_listed(store: Store) -> None:
    refuse(store, "one")
    refuse(store, "two", 131026)
    doubt(store, "three")
    raw(store).zadd(f"{PREFIX}dead", {f"send:{'one'.ljust(24, 'x')}": 1_000_000})

    assert listed("--cause", "refused", "--since", "1h") == ["two"]
    assert listed("--code", "131047", "--code", "131026") == ["two", "one"]
    assert listed("--until", "1970-01-02") == ["one"]
    assert listed("--since", "1970-01-01T00:16:41", "--limit", "1") == ["three"]
    assert listed("--number", "1") == []
    assert told("list", "--limit", "1")["causes"] == {"refused": 2, "unconfirmed": 1}


def test_an_empty_list_says_so() -> None:
    assert run("list").output == "0 dead letters\n"


def test_show_tells_the_whole_story_and_nothing_private(store: Store) -> None:
    result = run("show", refuse(store, "one"))

    assert result.exit_code == 0
    for part in ("refused", "attempt 1", "dead: 131047", '"type": "text"', "(3 characters)"):
        assert part in result.output
    assert ANA not in result.output
    assert "…1one" in result.output


def test_show_reveals_texts_and_numbers_when_asked(store: Store) -> None:
    whole = told("show", refuse(store, "one"), "--reveal")

    assert (whole["to"], whole["body"]["text"]["body"]) == (f"{ANA}one", "one")
    assert [step["what"] for step in whole["story"]] == ["planned", "attempt 1", "dead"]


def test_show_tells_where_planning_raised_and_not_what_it_quoted(store: Store) -> None:
    break_planning(store, "wamid.1")
    (name,) = listed()

    masked, revealed = told("show", name), told("show", name, "--reveal")

    assert (masked["attempts"], masked["first_error"], masked["last_error"]) == (
        1, "KeyError", "KeyError",
    )  # fmt: skip
    assert [step["what"] for step in masked["story"]] == ["died"]
    assert masked["trace"] == '  File "plan.py", line 7, in _after'
    assert masked["body"] == {"from": "…0001", "text": {"body": "(4 characters)"}}
    assert (revealed["trace"], revealed["body"]["text"]["body"]) == (TRACE, "wish")
    assert "secret wish" not in run("show", name).output
    assert "secret wish" in run("show", name, "--reveal").output


def test_a_named_letter_is_redriven_once_without_a_question(store: Store) -> None:
    name = refuse(store, "one")

    result = run("redrive", name)

    assert (result.exit_code, result.stdout) == (0, "1 redriven.\n")
    assert (dead_members(store), take(store)) == ([], ["one"])
    assert run("redrive", name).exit_code == 2


def test_letters_chosen_by_a_filter_are_redriven_after_a_question(store: Store) -> None:
    refuse(store, "one")
    refuse(store, "two", 131026)

    refused = run("redrive", "--code", "131026", answer="n\n")
    assert (refused.exit_code, len(dead_members(store))) == (1, 2)
    assert "Redrive 1 dead letter (refused 1)?" in refused.output

    assert run("redrive", "--code", "131026", answer="y\n").exit_code == 0
    assert take(store) == ["two"]


@pytest.mark.parametrize(("verb", "done"), [("redrive", "redriven"), ("drop", "dropped")])
@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--cause", "refused"], 2),
        (["--number", NUMBER], 2),
        (["--number", "1"], 0),
        (["--since", "1h"], 1),
        (["--until", "1h"], 1),
        (["--since", "1h", "--cause", "expired"], 0),
    ],
)
def test_what_is_redriven_or_dropped_is_chosen_as_what_is_listed(
    store: Store, verb: str, done: str, filters: list[str], count: int
) -> None:
    refuse(store, "old")
    refuse(store, "new")
    raw(store).zadd(f"{PREFIX}dead", {f"send:{'old'.ljust(24, 'x')}": 1_000_000})

    assert len(listed(*filters)) == count
    assert told(verb, *filters, "--yes")[done] == count
    assert len(dead_members(store)) == 2 - count


def test_all_are_redriven_at_the_speed_that_was_asked_for(store: Store) -> None:
    for i in range(6):
        refuse(store, f"send{i}")

    began = datetime.now(UTC)
    told_of = told("redrive", "--all", "--yes", "--per-second", "20")

    assert datetime.now(UTC) - began >= timedelta(seconds=5 / 20)
    assert told_of == {"redriven": 6, "left": {}}
    assert len(take(store)) == 6


def test_what_meta_may_have_had_is_left_with_a_reason(store: Store) -> None:
    name = doubt(store, "two")

    result = run("redrive", name)

    assert result.exit_code == 1
    assert "1 left. Meta may have had them" in result.stdout
    assert told("redrive", name) == {"redriven": 0, "left": {"unconfirmed": [name]}}
    assert told("redrive", name, "--unconfirmed") == {"redriven": 1, "left": {}}


def test_events_of_one_delivery_bring_it_back_once(store: Store) -> None:
    place, other = keep(store, 3, "a delivery", "another")
    break_planning(store, "wamid.1", place, 0)
    break_planning(store, "wamid.2", place, 1)
    break_planning(store, "wamid.3", other, 0)

    assert told("redrive", "--cause", "planning", "--yes") == {"redriven": 3, "left": {}}

    assert raw(store).xlen(f"{keys.partition(3)}inbox") == 4


def test_an_event_whose_delivery_is_gone_is_left_with_a_reason(store: Store) -> None:
    break_planning(store, "wamid.1")

    result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert "Their deliveries are no longer kept" in result.stdout
    assert len(dead_letters_raw(store)) == 1


def dead_letters_raw(store: Store) -> list[bytes]:
    return list(raw(store).zrange(f"{PREFIX}dead", 0, -1))


def test_what_is_dropped_is_off_the_list_and_is_not_sent(store: Store) -> None:
    name = refuse(store, "one")
    break_planning(store, "wamid.1")

    assert (run("drop", name).exit_code, len(listed())) == (0, 1)
    assert told("drop", "--all", "--yes") == {"dropped": 1, "left": {}}

    assert (dead_letters_raw(store), take(store)) == ([], [])
    assert stage(store, a_send("one")) == "dead"


def test_nothing_that_fits_is_nothing_to_do_and_no_question() -> None:
    assert (run("redrive", "--all").exit_code, run("drop", "--all").exit_code) == (0, 0)


BAD = {
    "no such letter": (["show", "nobody"], "There is no dead letter nobody."),
    "one of them is none": (["drop", "nobody"], "There is no dead letter nobody."),
    "which": (["redrive"], "Say which dead letters: ids, filters such as --cause, or --all."),
    "which to drop": (["drop", "--yes"], "Say which dead letters"),
    "ids and filters": (["redrive", "a", "--code", "1"], "or give filters, but not both."),
    "ids and all": (["drop", "a", "--all"], "or give filters, but not both."),
    "no such cause": (
        ["list", "--cause", "bad luck"],
        "bad luck is no cause: write one of refused",
    ),
    "no time": (["list", "--since", "yesterday"], "yesterday is no time: write how long ago"),
    "before time began": (["list", "--until", "999999d"], "999999d is no time"),
}


@pytest.mark.parametrize(("args", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(args: list[str], sentence: str) -> None:
    result = run(*args)

    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_a_redis_that_is_away_is_one_sentence() -> None:
    write_settings(f"redis://127.0.0.1:{free_port()}/0")

    result = run("list")

    assert result.exit_code == 2
    assert result.output.startswith("error: Redis does not answer")


def test_help_lists_what_can_be_done() -> None:
    result = run("--help")

    assert all(command in result.output for command in ("list", "show", "redrive", "drop"))


LOST = [{"type": "text", "text": {"body": "my secret wish"}, "n": n} for n in range(2)]


def lose(store: Store) -> None:
    """Keep a delivery of which nothing could be read."""
    (place,) = keep(store, 2, delivery_body(*(one | {"from": ANA} for one in LOST)).decode())
    (kept,) = raw(store).xrange(f"{keys.partition(2)}inbox")
    events = split(Delivery(place, NOW, Bodies().open(kept[1][b"b"])))
    found = [event for event in events if isinstance(event, Unreadable)]
    assert unreadable.store_unreadable(store, Bodies(), found) == [None, None]


def test_what_could_not_be_read_is_listed_with_what_to_do(store: Store) -> None:
    lose(store)

    (letter, _) = told("list", "--cause", "unreadable")["dead_letters"]

    assert (letter["kind"], letter["error"], letter["attempts"]) == ("event", "no_identity", 1)
    assert letter["advice"].startswith("Look at its bytes")


def test_show_tells_how_many_bytes_are_held_and_reveals_them_when_asked(store: Store) -> None:
    lose(store)
    name = listed()[0]

    plain, whole = run("show", name), told("show", name, "--reveal")

    assert "my secret wish" not in plain.output
    assert re.search(r"held +(\d+) of \1 bytes", plain.output)
    assert "my secret wish" in whole["body"]


def test_all_that_could_not_be_read_of_a_delivery_is_redriven_with_it_once(store: Store) -> None:
    lose(store)

    assert told("redrive", "--all", "--yes") == {"redriven": 2, "left": {}}

    assert listed() == []
    assert raw(store).xlen(f"{keys.partition(2)}inbox") == 2
