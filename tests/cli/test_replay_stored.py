"""A replay beside the store tells what would follow and changes nothing; applied, it is kept."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.local import workspace
from gateway.cli.local.workspace import Running
from gateway.cli.main import app
from gateway.core.capture.file_format import format_line
from gateway.core.events import Delivery
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.history import History
from gateway.store.inbox.inbox import Inbox
from gateway.store.monitoring.too_old import TooOldEvents, too_old_problem
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store, StoreUnavailableError
from tests.support.cli.delivery_receiver import a_receiver
from tests.support.factories import ANA, NUMBER, delivery_body, message_item, status_item
from tests.support.servers import Server, wait_until
from tests.support.store.inbox_state import keep
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import WEEK

pytestmark = pytest.mark.store
RULES = """\
version: 1
rules:
  - name: welcome
    when: {first_contact: yes}
    then: "Hello!"
  - name: colour
    when: {text: {contains: color}}
    then: "Yes: red, green and blue."
"""
FIRST = delivery_body(message_item("wamid.1", "which color?"))
SECOND = delivery_body(message_item("wamid.2", "color again"))
OTHER = delivery_body(message_item("wamid.3", "hm", "351900000002"))
STATUS = delivery_body(statuses=[status_item("wamid.9", "read")])


@pytest.fixture(autouse=True)
def _settings(store: Store, server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES)
    Path(".env").write_text(
        f"REDIS_URL={server.url}\nMETA_APP_SECRET=s\nMETA_VERIFY_TOKEN=v\nMETA_ACCESS_TOKEN=t\n"
        f"META_PHONE_NUMBER_ID={NUMBER}\nGATEWAY_RULES=rules.yaml\n"
    )
    # The bell is set, so that none is rung: what a bell does is not what is looked at here.
    store.mark(keys.INBOX_BELL, 60_000)


def replay(*args: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["replay", *args], input=answer)


def told(*args: str) -> tuple[list[Any], Any]:
    """Return what a dry run says would be sent, and its summary."""
    found = [json.loads(one) for one in replay("dry-run", *args, "--json").stdout.splitlines()]
    return found[:-1], found[-1]


def kept(store: Store, *bodies: bytes) -> list[str]:
    return keep(store, 3, *(body.decode() for body in bodies))


def make_known(store: Store, *bodies: bytes) -> None:
    """Keep deliveries and commit their events, as a worker does."""
    for place, body in zip(kept(store, *bodies), bodies, strict=True):
        delivery = Delivery(place, datetime.now(UTC), body)
        assert all(commit(store, planned(store, *split(delivery)), WEEK))


def everything(store: Store) -> Mapping[bytes, bytes]:
    return {name: raw(store).dump(name) for name in raw(store).keys("*")}


def write(*bodies: bytes, ago: timedelta = timedelta(0)) -> str:
    at = datetime.now(UTC) - ago
    Path("kept.jsonl").write_bytes(
        b"".join(format_line(Delivery("0:1-0", at, one)) for one in bodies)
    )
    return "kept.jsonl"


def replayed(store: Store) -> list[bytes]:
    found = History(store, Bodies()).deliveries()
    return [one.body for one in found if one.origin == "replay"]


def test_the_inbox_is_planned_beside_the_store_and_its_sends_are_told(store: Store) -> None:
    places = kept(store, FIRST, SECOND, OTHER, STATUS)

    sends, summary = told("--inbox")

    assert [(one["rule"], one["where"]) for one in sends] == [
        ("welcome", f"delivery {places[0]}"),
        ("colour", f"delivery {places[1]}"),
        ("welcome", f"delivery {places[2]}"),
    ]
    assert summary["deliveries"] == 4
    assert summary["events"] == {"message": 3, "status": 1}
    assert summary["sends"] == {"welcome": 2, "colour": 1}


def test_notifications_that_would_follow_are_told_without_their_text(store: Store) -> None:
    kept(store, FIRST)
    rules = "version: 1\nrules: [{name: it, then: {notify: A customer waits.}}]"
    Path("notify.yaml").write_text(rules)

    (one,), summary = told("--inbox", "--rules", "notify.yaml")

    assert (one["what"], one["rule"], one["text"]) == ("notification", "it", "(17 characters)")
    assert (summary["notifications"], summary["sends"]) == (1, {})


def test_deliveries_of_several_files_are_told_apart_whatever_they_are_called(store: Store) -> None:
    other = Path(write(OTHER)).rename("other.jsonl")

    sends, _ = told(write(FIRST), str(other))

    assert [one["where"] for one in sends] == ["kept.jsonl:1", "other.jsonl:1"]


def test_a_dry_run_changes_nothing(store: Store) -> None:
    kept(store, FIRST, OTHER, STATUS)
    before = everything(store)

    assert replay("dry-run", "--inbox").exit_code == 0
    assert replay("dry-run", "--inbox", "--fresh").exit_code == 0
    assert replay("dry-run", write(FIRST)).exit_code == 0
    assert everything(store) == before


def test_a_person_reads_who_would_get_what_with_nobody_named(store: Store) -> None:
    kept(store, FIRST, SECOND)

    result = replay("dry-run", "--inbox")

    assert "rule welcome  to …0001  text (6 characters)" in result.stdout
    assert "welcome 1" in result.stdout
    assert "Nothing was sent, and nothing was changed." in result.stderr
    assert ANA not in result.output


def test_texts_and_numbers_are_shown_where_that_is_asked_for(store: Store) -> None:
    kept(store, FIRST)

    assert f'to {ANA}  text "Hello!"' in replay("dry-run", "--inbox", "--reveal").stdout
    assert told("--inbox", "--reveal")[0][0]["body"]["text"] == {"body": "Hello!"}


def test_what_is_known_stays_without_effect_and_is_new_with_fresh(store: Store) -> None:
    make_known(store, FIRST)

    result = replay("dry-run", "--inbox")
    assert "with --fresh messages are planned as new ones" in result.stderr
    assert told("--inbox")[1]["known"] == 1
    # Ana is known by now, so she is no first contact.
    assert [one["rule"] for one in told("--inbox", "--fresh")[0]] == ["colour"]


@pytest.mark.parametrize("ago", [timedelta(hours=2), timedelta(days=5)])
def test_rules_answer_no_old_message_unless_it_is_fresh(store: Store, ago: timedelta) -> None:
    sent_at = int((datetime.now(UTC) - ago).timestamp())
    file = write(delivery_body(message_item("wamid.1", "color", at=sent_at)), ago=ago)

    assert told(file)[1]["without_answer"] == {"too old": 1}
    assert told(file, "--fresh")[1]["sends"] == {"welcome": 1}


CHANGING = """\
version: 1
rules:
  - {name: stop, when: {text: stop}, then: [opt_out, "Stopped."]}
  - {name: start, when: {text: start}, then: opt_in}
  - {name: tag, when: {text: vip}, then: [{tag: vip}, {set: {plan: gold}}]}
  - {name: mute, when: {text: quiet}, then: [{mute: 1h}]}
  - {name: hello, when: {text: hello}, then: "Hello!"}
"""


@pytest.mark.parametrize(
    ("texts", "wishes", "others", "unanswered"),
    [
        (["stop"], 1, 0, {}),
        (["vip"], 0, 2, {}),
        (["quiet", "hello", "hello"], 0, 1, {"muted": 2}),
    ],
)
def test_wishes_and_other_changes_and_messages_of_muted_customers_are_counted_apart(
    store: Store, texts: list[str], wishes: int, others: int, unanswered: dict[str, int]
) -> None:
    Path("rules.yaml").write_text(CHANGING)
    kept(store, *(delivery_body(message_item(f"wamid.{n}", one)) for n, one in enumerate(texts)))

    summary = told("--inbox", "--fresh")[1]

    assert (summary["changed_wishes"], summary["changed_contacts"]) == (wishes, others)
    assert summary["without_answer"] == unanswered


def test_a_wish_that_came_too_late_is_no_changed_wish(store: Store) -> None:
    Path("rules.yaml").write_text(CHANGING)
    old = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    kept(
        store,
        delivery_body(message_item("wamid.1", "stop")),
        delivery_body(message_item("wamid.2", "start", at=old)),
    )

    summary = told("--inbox")[1]
    assert (summary["changed_wishes"], summary["changed_contacts"]) == (1, 0)


def test_what_changes_is_told_in_words(store: Store) -> None:
    Path("rules.yaml").write_text(CHANGING)
    kept(store, *(delivery_body(message_item(f"wamid.{n}", n)) for n in ("stop", "vip")))

    shown = replay("dry-run", "--inbox").stdout

    assert re.search(r"changed wishes +1 +about marketing: opted out or in", shown)
    assert re.search(r"other changes +2 +of contacts: tags, variables, mutes and hand-overs", shown)


def test_what_meta_delivered_late_stays_too_old_until_max_age_is_larger(store: Store) -> None:
    sent_at = int((datetime.now(UTC) - timedelta(minutes=45)).timestamp())
    file = write(delivery_body(message_item("wamid.1", "color", at=sent_at)))
    Path("larger.yaml").write_text(RULES.replace("rules:", "defaults: {max_age: 2h}\nrules:"))

    assert told(file, "--fresh")[1]["without_answer"] == {"too old": 1}
    assert told(file, "--fresh", "--rules", "larger.yaml")[1]["sends"] == {"welcome": 1}


def test_the_advice_about_what_was_too_old_finds_just_the_answers_that_are_missing(
    store: Store,
) -> None:
    kept_ms = now_ms(store) - 45 * 60_000
    for at_ms, wamid in ((kept_ms, "wamid.late"), (kept_ms + 1, "wamid.timely")):
        body = delivery_body(message_item(wamid, "color", at=at_ms // 1000))
        entry = {"h": b"meta|0|", "b": Bodies().pack(body)}
        raw(store).xadd(f"{keys.partition(3)}inbox", entry, id=f"{at_ms}-0")
    events = TooOldEvents({"message": 1}, kept_ms, kept_ms, kept_ms, kept_ms, kept_ms)

    command = too_old_problem(events, now_ms(store), 0).advice.partition(" shows ")[0]
    sends, summary = told(*command.removeprefix("gateway replay dry-run ").split())

    assert [one["where"] for one in sends] == [f"delivery 3:{kept_ms}-0"]
    assert summary["deliveries"] == 1


def test_applied_it_stands_in_the_inbox_as_a_replay(store: Store) -> None:
    result = replay("apply", write(FIRST, STATUS), "--yes")

    assert result.exit_code == 0
    assert replayed(store) == [FIRST, STATUS]
    assert "2 deliveries put into the inbox" in result.stdout


def test_before_it_is_sent_a_person_is_asked_and_told_what_follows(store: Store) -> None:
    file = write(FIRST, STATUS)

    result = replay("apply", file, answer="n\n")

    assert "Put 2 deliveries into the inbox (2 new events, 1 send)?" in result.stderr
    assert result.exit_code == 1
    assert replayed(store) == []


def test_the_ids_that_were_told_are_the_ids_that_are_sent(store: Store) -> None:
    file = write(FIRST)
    assert replay("apply", file, "--yes", "--fresh", "--seed", "a").exit_code == 0
    assert replay("apply", file, "--yes", "--fresh", "--seed", "a").exit_code == 0

    now = datetime.now(UTC)
    bodies = [*replayed(store), FIRST]
    first, second, old = (split(Delivery("0:1-0", now, one))[0].key for one in bodies)
    assert first == second != old


def test_a_replay_of_the_inbox_is_no_part_of_the_next(store: Store) -> None:
    kept(store, FIRST)

    for _ in range(2):
        assert replay("apply", "--inbox", "--yes", "--fresh").exit_code == 0
    assert len(replayed(store)) == 2


def test_more_than_one_batch_is_sent_whole_and_in_order(store: Store) -> None:
    bodies = [delivery_body(message_item(f"wamid.{i}", str(i))) for i in range(150)]
    large = delivery_body(message_item("wamid.l", "x" * 300_000))

    assert replay("apply", write(*bodies, large, FIRST), "--yes").exit_code == 0
    assert replayed(store) == [*bodies, large, FIRST]


def test_a_store_that_is_full_takes_no_replay(store: Store, monkeypatch: Any) -> None:
    monkeypatch.setenv("GATEWAY_STORE_BYTES", "1000")

    result = replay("apply", write(FIRST), "--yes")

    assert result.exit_code == 2
    assert "Redis is as full as it may be: 0 of 1 are in the inbox." in result.stderr
    assert replayed(store) == []


def test_a_store_that_goes_away_ends_it_with_how_far_it_got(store: Store, monkeypatch: Any) -> None:
    file = write(*[FIRST] * 65)
    put = Inbox.replay

    def once(self: Inbox, bodies: Sequence[bytes]) -> None:
        if replayed(store):
            raise StoreUnavailableError
        put(self, bodies)

    monkeypatch.setattr(Inbox, "replay", once)

    result = replay("apply", file, "--yes")

    assert result.exit_code == 2
    assert "Redis does not answer: 64 or more of 65 are in the inbox." in result.stderr


def test_what_is_old_is_sent_again_only_where_that_is_asked_for(store: Store) -> None:
    file = write(FIRST, ago=timedelta(days=9))

    assert replay("apply", file, "--yes").exit_code == 2
    assert replayed(store) == []
    assert replay("apply", file, "--yes", "--again").exit_code == 0
    assert replayed(store) == [FIRST]


def test_an_interrupted_replay_says_how_far_it_got(store: Store) -> None:
    now = datetime.now(UTC)
    moments = (now - timedelta(hours=1), now)
    pair = (
        format_line(Delivery("0:1-0", at, one))
        for at, one in zip(moments, (FIRST, SECOND), strict=True)
    )
    Path("kept.jsonl").write_bytes(b"".join(pair))
    command = [sys.executable, "-m", "gateway.cli", "replay", "apply", "kept.jsonl", "--yes"]
    with subprocess.Popen([*command, "--speed", "1x"], stderr=subprocess.PIPE) as running:
        wait_until(lambda: replayed(store) == [FIRST], "the first is there")
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=180)

    assert running.returncode == 130
    assert "Interrupted: 1 of 2 are in the inbox. Run it again" in told.decode()


def test_the_inbox_is_posted_where_an_address_is_given(store: Store) -> None:
    kept(store, FIRST, SECOND)

    with a_receiver() as receiver:
        replay("post", "--inbox", "--to", receiver.url, "--contains", "again")
        assert receiver.bodies == [SECOND]


def test_an_empty_inbox_is_one_sentence() -> None:
    result = replay("dry-run", "--inbox")

    assert result.exit_code == 2
    assert result.stderr == "error: No delivery fits, so nothing was replayed.\n"


def test_what_cannot_be_opened_is_told(store: Store) -> None:
    kept(store, FIRST)
    keep(store, 0, "x", bodies=Bodies([b"k" * 32]))

    assert "1 delivery of the inbox cannot be opened here." in replay("dry-run", "--inbox").stderr


def test_other_rules_are_tried_also_where_a_gateway_dev_runs(store: Store, server: Server) -> None:
    kept(store, FIRST)
    Path("draft.yaml").write_text('version: 1\nrules: [{name: draft, then: "No."}]\n')
    workspace.make_folder()
    held = workspace.hold(workspace.DEV_LOCK, 1)
    rules = str(Path("rules.yaml").resolve())
    workspace.publish(Running(1, "http://web", "http://meta", server.url, rules, NUMBER, "s"))

    assert held is not None
    assert told("--inbox")[1]["sends"] == {"welcome": 1}
    assert told("--inbox", "--rules", "draft.yaml")[1]["sends"] == {"draft": 1}
    os.close(held)


def test_rules_that_are_wrong_are_told_before_anything(store: Store) -> None:
    kept(store, FIRST)
    Path("rules.yaml").write_text("version: 1\nrules: 7\n")

    result = replay("dry-run", "--inbox")

    assert result.exit_code == 2
    assert "The rules cannot be used" in result.stderr


def test_a_customer_writes_no_commands_into_the_terminal(store: Store) -> None:
    Path("rules.yaml").write_text('version: 1\nrules: [{name: echo, then: "{{ text }}"}]\n')
    kept(store, delivery_body(message_item("wamid.1", "\x1b[31mred")))

    assert "\x1b[31m" not in replay("dry-run", "--inbox", "--reveal").stdout
