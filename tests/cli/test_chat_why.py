"""The chat tells which rule answered, and why those above it did not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli.develop.chat.explain import ChatTraces
from gateway.cli.develop.chat.message_view import Offer
from gateway.core.planning.batch import plan
from gateway.rules.loader import load
from gateway.store.planning import contacts
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.tracing.stored_event import StoredEvent
from tests.support.factories import ANA, NUMBER, message_item

pytestmark = pytest.mark.store

RULES = """\
version: 1
rules:
  - {name: first, when: {first_contact: yes}, then: Welcome}
  - {name: yes, when: {tapped: y}, then: "You said yes"}
  - {name: blue, when: {text: blue}, then: Blue it is}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture
def traces(store: Store, rules: Path) -> ChatTraces:
    return ChatTraces(store, NUMBER, rules)


def write(
    traces: ChatTraces, text: str, wamid: str = "wamid.1", tap: Offer | None = None
) -> StoredEvent:
    message = message_item(wamid, text)
    if tap:
        reply = {"type": "button_reply", "button_reply": {"id": tap.id, "title": tap.title}}
        message |= {"type": "interactive", "interactive": reply}
    return traces.track_message(ANA, message, traces.contact(ANA))


def work_off(store: Store, rules: Path, sent: StoredEvent) -> None:
    """Do what a worker does."""
    (view,) = contacts.load(store, {NUMBER: [sent.event]})
    (made,) = plan(view, [sent.event], load(rules)).plans
    assert commit(store, [made], timedelta(days=1)) == [True]


def test_the_rules_are_told_down_to_the_one_that_answered(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    work_off(store, rules, write(traces, "hi", "wamid.0"))
    sent = write(traces, "Blue")
    work_off(store, rules, sent)

    assert traces.explain_reply(sent) == [
        "✗ first: this is not the first contact",
        '✗ yes: tapped is not "y"',
        '✓ blue: text is "blue"',
    ]


def test_the_record_knows_that_it_was_the_first_contact(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    sent = write(traces, "hi")
    work_off(store, rules, sent)
    late = replace(sent, contact=traces.contact(ANA))

    assert traces.explain_reply(late) == ["✓ first: this is the first contact"]


def test_a_tap_is_told_as_one(store: Store, traces: ChatTraces, rules: Path) -> None:
    work_off(store, rules, write(traces, "hi", "wamid.0"))
    sent = write(traces, "1", tap=Offer("button", "y", "Yes"))
    work_off(store, rules, sent)

    assert traces.explain_reply(sent)[-1] == '✓ yes: tapped is "y"'


def test_where_no_rule_answered_every_reason_is_told(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    work_off(store, rules, write(traces, "hi", "wamid.0"))
    sent = write(traces, "red")
    work_off(store, rules, sent)

    assert traces.explain_reply(sent) == [
        "no rule answered",
        "✗ first: this is not the first contact",
        '✗ yes: tapped is not "y"',
        '✗ blue: text is not "blue"',
    ]


CHANGED = {
    "other rules": "version: 1\nrules: [{name: other, then: hi}]\n",
    "broken rules": "version: 2",
}


@pytest.mark.parametrize("now", CHANGED.values(), ids=CHANGED)
def test_after_a_change_only_the_record_is_believed(
    store: Store, traces: ChatTraces, rules: Path, now: str
) -> None:
    sent = write(traces, "hi")
    work_off(store, rules, sent)
    rules.write_text(now)

    assert traces.explain_reply(sent) == [
        "✓ first: this is the first contact",
        "(the rules have changed since)",
    ]


def test_a_rule_that_came_later_is_not_said_to_have_answered(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    rules.write_text("version: 1\nrules: []\n")
    sent = write(traces, "hi")
    work_off(store, rules, sent)
    rules.write_text(RULES)

    assert traces.explain_reply(sent) == ["no rule answered (the rules have changed since)"]


def test_a_message_is_answered_when_all_it_led_to_was_tried(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    sent = write(traces, "hi")
    assert (traces.is_planned(sent), traces.is_answered(sent)) == (False, False)

    work_off(store, rules, sent)
    assert (traces.is_planned(sent), traces.is_answered(sent)) == (True, False)

    (send,) = store.redis.keys("*send:*")
    store.redis.hset(send, "stage", "unconfirmed")
    assert traces.is_answered(sent)


def test_a_message_that_leads_to_nothing_is_answered_at_once(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    rules.write_text("version: 1\nrules: []\n")
    sent = write(traces, "hi")
    work_off(store, rules, sent)

    assert traces.is_answered(sent)


def test_a_message_beyond_a_limit_is_told_to_be_unanswered_and_why(
    store: Store, traces: ChatTraces, rules: Path
) -> None:
    rules.write_text("version: 1\nrules: [{name: it, cooldown: 1h, then: Yes.}]")
    work_off(store, rules, write(traces, "hi", "wamid.0"))
    sent = write(traces, "Blue")
    work_off(store, rules, sent)
    limited = "it: it fired within the last 1h, which counts as answered"

    assert traces.explain_reply(sent) == ["no rule answered", f"~ {limited}"]

    rules.write_text("version: 1\nrules: []")
    assert traces.explain_reply(sent)[0] == f"✗ {limited}"
