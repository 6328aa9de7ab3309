"""`gateway rules explain` and `gateway rules diff`, over files and over what is stored."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.core.capture.file_format import format_line
from gateway.core.events import Delivery
from gateway.core.planning.batch import plan
from gateway.core.webhook.parser import split
from gateway.rules.loader import load
from gateway.store import number_list
from gateway.store.planning import contacts
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.cli.test_trace import write_settings
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.servers import Server
from tests.support.store.inbox_state import keep

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OLD = """\
version: 1
rules:
  - {name: welcome, when: {first_contact: yes, text: hi}, then: Welcome!}
  - {name: menu, when: {text: menu}, cooldown: 1h, then: [typing, Here.]}
  - {name: read, when: {event: status, status: read}, then: {tag: reader}}
"""


@pytest.fixture(autouse=True)
def _rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_RULES", "old.yaml")
    Path("old.yaml").write_text(OLD)
    Path("new.yaml").write_text(OLD.replace("Here.", "There."))


def a_body(number: int, text: str) -> bytes:
    return delivery_body(message_item(f"wamid.{number}", text, at=int(NOON.timestamp())))


def captured(name: str, *bodies: bytes, minutes: int = 0) -> str:
    """Write bodies as they were captured, so many minutes after noon."""
    at = NOON + timedelta(minutes=minutes)
    kept = [Delivery(f"0:{n}-0", at, body) for n, body in enumerate(bodies, 1)]
    Path(name).write_bytes(b"".join(map(format_line, kept)))
    return name


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["rules", *args])


def test_a_captured_body_is_explained() -> None:
    Path("one.json").write_bytes(a_body(1, "menu"))

    result = run("explain", "one.json")

    assert (result.exit_code, result.output) == (
        0,
        "2026-11-22 12:00:00Z  text from …0001 (4 characters)\n"
        '  ✗ welcome: text is not "hi"\n'
        '  ✓ menu: text is "menu"\n'
        "  → typing\n"
        "  → a message (5 characters)\n",
    )


def test_what_meta_tells_is_explained_by_path_and_hidden_unless_asked_for() -> None:
    order = {"catalog_id": "7", "text": "before noon"}
    item = message_item("wamid.1", at=int(NOON.timestamp())) | {"type": "order", "order": order}
    Path("one.json").write_bytes(delivery_body(item))

    hidden, shown = run("explain", "one.json").output, run("explain", "one.json", "--reveal").output

    assert "  order.text: (11 characters)\n  order.catalog_id: 7\n" in hidden
    assert "  order.text: before noon\n  order.catalog_id: 7\n" in shown


def test_a_made_up_text_is_explained_without_a_file_or_a_store() -> None:
    result = run("explain", "--text", "menu")

    assert result.exit_code == 0
    assert result.output.splitlines()[0].endswith('text from 351900000001 "menu"')
    assert result.output.splitlines()[1:] == [
        '  ✗ welcome: text is not "hi"',
        '  ✓ menu: text is "menu"',
        "  → typing",
        "  → Here.",
    ]


def test_a_made_up_text_is_explained_by_other_rules() -> None:
    assert "  → There." in run("explain", "--text", "menu", "--rules", "new.yaml").output


def test_the_rules_for_a_text_may_stand_where_those_of_a_check_do() -> None:
    assert "  → There." in run("explain", "new.yaml", "--text", "menu").output


def test_a_folder_of_rules_is_no_delivery() -> None:
    Path("mine").mkdir()
    Path("mine/rules.yaml").write_text(OLD)

    result = run("explain", "mine")

    assert "as in `gateway rules explain mine --text hi`" in result.output


HOURS = """\
version: 1
hours: {shop: {zone: Asia/Kolkata, mon-fri: 09:00-18:00}}
rules:
  - {name: closed, when: {outside: shop}, then: Closed.}
  - {name: open, then: Open.}
"""


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("2026-11-30 17:59", "Open."),
        ("2026-11-30 18:00", "Closed."),
        ("2026-11-30 12:29 UTC", "Open."),
        ("2026-11-30 12:30 UTC", "Closed."),
    ],
)
def test_a_text_is_explained_for_a_moment_by_the_clock_of_the_hours(at: str, answer: str) -> None:
    Path("hours.yaml").write_text(HOURS)

    result = run("explain", "hours.yaml", "--text", "hi", "--at", at)

    assert result.output.endswith(f"  → {answer}\n")


def test_lines_of_a_capture_are_explained_one_after_the_other() -> None:
    result = run("explain", captured("a.jsonl", a_body(1, "menu"), a_body(2, "menu")), "--reveal")

    assert result.output.splitlines() == [
        '2026-11-22 12:00:00Z  text from 351900000001 "menu"',
        '  ✗ welcome: text is not "hi"',
        '  ✓ menu: text is "menu"',
        "  → typing",
        "  → Here.",
        '2026-11-22 12:00:00Z  text from 351900000001 "menu"',
        "  ✗ welcome: this is not the first contact",
        '  ~ menu: text is "menu", but it fired within the last 1h, which counts as answered',
    ]


def test_what_was_received_late_fires_and_sends_nothing() -> None:
    told = run("explain", captured("a.jsonl", a_body(1, "menu"), minutes=31)).output

    assert '✓ menu: text is "menu"; too old, so nothing is sent' in told
    assert "→" not in told


def test_all_tells_of_rules_for_other_events_too() -> None:
    file = captured("a.jsonl", a_body(1, "menu"))

    assert "read: event is not" not in run("explain", file).output
    assert Path("old.yaml").write_text(OLD.replace("menu}", "x}"))
    assert "✗ read: event is not" in run("explain", file, "--all").output


def test_explaining_tells_json() -> None:
    told = json.loads(run("explain", captured("a.jsonl", a_body(1, "menu")), "--json").output)

    assert [(one["rule"], one["fired"]) for one in told[0]["rules"]] == [
        ("welcome", False), ("menu", True),
    ]  # fmt: skip
    assert told[0]["said"] == ["typing", "a message (5 characters)"]


CAPTURED = [a_body(1, "menu"), a_body(2, "hi"), delivery_body(statuses=[status_item("w", "read")])]


def test_a_comparison_is_a_table_and_examples() -> None:
    result = run("diff", "old.yaml", "new.yaml", captured("a.jsonl", *CAPTURED), "--reveal")

    assert result.exit_code == 1
    assert next(line.split() for line in result.output.splitlines() if "menu" in line) == [
        "│", "menu", "│", "1", "│", "1", "│", "1", "│",
    ]  # fmt: skip
    assert result.output.splitlines()[-4:] == [
        '2026-11-22 12:00:00Z  text from 351900000001 "menu"  wamid.1',
        "  - menu: typing; Here.",
        "  + menu: typing; There.",
        "! 1 answer to 1 customer would change, of 3 events, 2 of them answered",
    ]


def test_equal_rules_change_nothing() -> None:
    result = run("diff", "old.yaml", "old.yaml", captured("a.jsonl", *CAPTURED))

    assert result.exit_code == 0
    assert result.output.endswith("✓ no answer changes, of 3 events, 2 of them answered\n")


def test_a_comparison_reveals_nothing_unless_it_is_asked_to() -> None:
    told = run("diff", "old.yaml", "new.yaml", captured("a.jsonl", *CAPTURED)).output

    assert ("There." in told, "351900000001" in told) == (False, False)
    assert "  + menu: typing; a message (6 characters)" in told


def test_more_changes_than_are_shown_are_counted() -> None:
    told = run("diff", "old.yaml", "new.yaml", captured("a.jsonl", *CAPTURED), "--examples", "0")

    assert "and 1 more" in told.output


def test_a_comparison_tells_json() -> None:
    file = captured("a.jsonl", *CAPTURED)

    told = json.loads(run("diff", "old.yaml", "new.yaml", file, "--json").output)

    assert (told["events"], told["changed"], told["customers"]) == (3, 1, 1)
    assert told["rules"]["menu"] == {"old": 1, "new": 1, "changed": 1}
    assert told["examples"][0]["id"] == "wamid.1"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["explain", "nowhere"], "nowhere is no file, and no message's id, which begins with wam"),
        (["explain", "wamid. x"], "A message's id has no spaces"),
        (["explain"], "Name a file, a message's id, or a text with --text: one of the three."),
        (["explain", "none.yaml", "--text", "hi"], "and none.yaml does not exist."),
        (["explain", "old.yaml"], "old.yaml holds rules, and no deliveries"),
        (
            ["explain", "new.yaml", "--text", "hi", "--rules", "old.yaml"],
            "new.yaml would name the rules, and --rules does already",
        ),
        (["explain", "x.json", "--at", "2026-11-22 10:00"], "--at says when the text of --text"),
        (
            ["explain", "--text", "hi", "--at", "10:00"],
            "--at must be a moment such as 2026-11-22 10:00 Europe/Lisbon.",
        ),
        (["explain", "bad.jsonl"], "bad.jsonl:1 is cut in the middle."),
        (["diff", "old.yaml", "nowhere"], "nowhere: cannot be read"),
        (["diff", "old.yaml"], "Name the rules as they are and as they would be, or use --rec"),
        (["diff", "--recorded", "old.yaml", "new.yaml"], "name one path of rules at most"),
        (["diff", "old.yaml", "new.yaml", "nowhere"], "Cannot read nowhere: No such file"),
    ],
)
def test_bad_input_is_told_in_a_sentence(args: list[str], sentence: str) -> None:
    Path("bad.jsonl").write_text('{"delivery":')

    result = run(*args)

    assert (result.exit_code, sentence in result.output) == (2, True), result.output


@pytest.fixture
def stored(server: Server, store: Store) -> datetime:
    """Let `menu` be kept, planned and committed; return when that was."""
    write_settings(server.url)
    return plan_message(store, "wamid.in", "menu")


def plan_message(
    store: Store,
    wamid: str,
    text: str,
    ago: timedelta = timedelta(0),
    rules: Path = Path("old.yaml"),
) -> datetime:
    """Keep a message of so long ago, and commit what rules plan for it."""
    number_list.add_number(store, NUMBER)
    now = datetime.now(UTC)
    body = delivery_body(message_item(wamid, text, at=int((now - ago).timestamp())))
    (place,) = keep(store, 3, body.decode())
    (event,) = split(Delivery(place, now, body))
    (view,) = contacts.load(store, {NUMBER: [event]})
    (made,) = plan(view, [event], load(rules)).plans
    assert commit(store, [made], timedelta(days=1)) == [True]
    return now


HUMAN = """\
version: 1
rules:
  - {name: human, when: {text: human}, then: [A colleague comes., {mute: 12h}, {tag: handoff}]}
  - {name: rest, then: What?}
"""
AS_NOW = "  (judged with the tags and variables that the customer has now)"


@pytest.mark.store
@pytest.mark.parametrize("verb", ["mute", "hand_over"])
def test_message_that_was_answered_and_then_muted_is_explained_as_answered(
    server: Server, store: Store, verb: str
) -> None:
    write_settings(server.url)
    Path("old.yaml").write_text(HUMAN.replace("mute", verb))
    plan_message(store, "wamid.first", "human")

    told = run("explain", "wamid.first").output.splitlines()[1:]

    assert told == ['  ✓ human: text is "human"', AS_NOW]


@pytest.mark.store
@pytest.mark.parametrize("verb", ["mute", "hand_over"])
def test_message_that_came_while_muted_is_explained_as_muted(
    server: Server, store: Store, verb: str
) -> None:
    write_settings(server.url)
    Path("old.yaml").write_text(HUMAN.replace("mute", verb))
    plan_message(store, "wamid.first", "human")
    plan_message(store, "wamid.second", "hm")

    told = run("explain", "wamid.second").output

    assert re.search(r"✓ rest: .*muted until .*, so nothing is sent", told)


@pytest.mark.store
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("menu", '  ✓ menu: text is "menu"; too old, so nothing is sent'),
        ("what", '  ✗ menu: text is not "menu"'),
    ],
)
def test_message_that_came_late_is_explained_as_of_then(
    server: Server, store: Store, text: str, line: str
) -> None:
    write_settings(server.url)
    plan_message(store, "wamid.late", text, ago=timedelta(minutes=31))

    assert run("explain", "wamid.late").output.splitlines()[2] == line


@pytest.mark.store
def test_a_message_of_the_store_is_explained_as_it_was(stored: datetime) -> None:
    result = run("explain", "wamid.in")

    assert result.exit_code == 0
    assert result.output.splitlines()[1:] == [
        '  ✗ welcome: text is not "hi"',
        '  ✓ menu: text is "menu"',
    ]


@pytest.mark.store
def test_a_message_is_explained_by_other_rules(stored: datetime) -> None:
    Path("new.yaml").write_text(OLD.replace("text: menu", "text: carte"))

    told = run("explain", "wamid.in", "--rules", "new.yaml").output

    assert '  ✗ menu: text is not "carte"' in told
    assert "  (when it was planned, menu fired; the rules have changed since)" in told


@pytest.mark.store
def test_a_message_that_nobody_knows_is_told(stored: datetime) -> None:
    result = run("explain", "wamid.other")

    assert (result.exit_code, "Nothing is known of wamid.other" in result.output) == (1, True)


@pytest.mark.store
def test_rules_are_compared_over_what_is_still_in_the_inbox(stored: datetime) -> None:
    result = run("diff", "old.yaml", "new.yaml")

    assert result.exit_code == 1
    assert "! 1 answer to 1 customer would change, of 1 event, 1 of them answered" in result.output


@pytest.mark.store
def test_what_was_recorded_is_compared_with_what_rules_say_today(stored: datetime) -> None:
    Path("new.yaml").write_text(OLD.replace("text: menu", "text: carte"))

    same, other = run("diff", "--recorded"), run("diff", "--recorded", "new.yaml", "--reveal")

    assert (same.exit_code, other.exit_code) == (0, 1)
    assert same.output.endswith("✓ no answer changes, of 1 event, 1 of them answered\n")
    assert other.output.splitlines()[-3:] == [
        "  - menu",
        "  + no rule",
        "! 1 answer to 1 customer would change, of 1 event, 1 of them answered",
    ]


@pytest.mark.store
def test_a_message_that_no_rule_answered_is_compared_too(stored: datetime, store: Store) -> None:
    Path("old.yaml").write_text("version: 1\nrules: [{name: all, then: Hi.}]")
    Path("none.yaml").write_text("version: 1\nrules: []")
    plan_message(store, "wamid.other", "what?", rules=Path("none.yaml"))

    told = json.loads(run("diff", "--recorded", "--json").output)

    assert (told["events"], told["changed"]) == (2, 2)
    assert told["rules"] == {
        "all": {"old": 0, "new": 2, "changed": 2}, "menu": {"old": 1, "new": 0, "changed": 1},
    }  # fmt: skip


@pytest.mark.store
def test_a_message_that_was_not_planned_yet_is_left_out(stored: datetime, store: Store) -> None:
    keep(store, 3, delivery_body(message_item("wamid.waits", "menu")).decode())

    assert "of 1 event" in run("diff", "--recorded").output
