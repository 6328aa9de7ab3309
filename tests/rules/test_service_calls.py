"""Calls of services in rules: what is asked, and which branch follows an answer, for whom."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event
from gateway.core.planning.batch import Plan, PlanningInput, plan
from gateway.core.planning.decision import RuleDecider
from gateway.core.services.answer import answer_delivery
from gateway.core.services.service_call import ServiceCall
from gateway.core.webhook.parser import split
from gateway.rules.rulebook import Rulebook
from tests.support.factories import ANA, NOW, NUMBER, a_message
from tests.support.rules.rulebooks import book, planned, texts

SERVICES = "services: {shop: {url: https://shop.example/api}}\n"
TRACK = r"""
- name: track
  when: {text: {matches: 'order (?P<no>.*)'}}
  then:
    - call: "shop:/orders/{{ no }}"
      ok: "{{ no }} is {{ answer.status }} by {{ answer.by | date('%d/%m') }} for {{ vars.nick }}."
      404: I do not know {{ no }}.
      5xx: They are ill.
      failed: [A person will answer., {hand_over: order lookup failed}]
"""


def rules(text: str) -> Rulebook:
    return book(f"version: 1\n{SERVICES}rules:{text}")


def asked(text: str, words: str = "order 7", contact: Contact | None = None) -> ServiceCall:
    """Return the one call that a rule plans for a text."""
    (call,) = planned(rules(text), a_message(text=words), contact=contact).calls
    return call


def returned(
    call: ServiceCall, status: int | None, content: Any = None, failure: str = ""
) -> Event:
    """Return the event of an answer, as the inbox gives it back."""
    said = content if isinstance(content, str) else orjson.dumps(content).decode()
    body = answer_delivery(call.id, call.payload, status, "" if content is None else said, failure)
    (event,) = split(Delivery("0:2-0", NOW, body, origin="internal"))
    return event


def after(
    text: str | RuleDecider,
    call: ServiceCall,
    *answer: Any,
    contact: Contact | None = None,
    now: datetime = NOW,
) -> Plan:
    """Plan what follows an answer."""
    rulebook = rules(text) if isinstance(text, str) else text
    return planned(rulebook, returned(call, *answer), contact=contact, now=now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("order 123", "/orders/123"),
        ("order a b/c?d=e#f", "/orders/a%20b%2Fc%3Fd%3De%23f"),
        ("order é%2e", "/orders/%C3%A9%252e"),
        ("order ...", "/orders/..."),
    ],
)
def test_what_a_customer_wrote_is_one_part_of_the_path(words: str, path: str) -> None:
    assert asked(TRACK, words).payload["path"] == path


@pytest.mark.parametrize("words", ["order ..", "order .", "order ../x", r"order a\..\b"])
def test_a_path_that_would_lead_elsewhere_is_not_asked(words: str) -> None:
    made = planned(rules(TRACK), a_message(text=words))

    assert (made.calls, made.records[0].fired[0].left_out) == ((), ("call",))


def test_a_path_of_which_a_part_is_missing_is_not_asked() -> None:
    text = '\n- {name: it, then: {call: "shop:/of/{{ vars.none }}", failed: no}}\n'

    assert planned(rules(text), a_message()).calls == ()


def test_a_query_may_be_empty_and_is_quoted_too() -> None:
    text = '\n- {name: find, then: {call: "shop:/find?q={{ text }}&tag={{ tags }}", failed: no}}'

    assert asked(text, "a&b=c").payload["path"] == "/find?q=a%26b%3Dc&tag="


def test_content_is_json_with_the_types_that_were_written() -> None:
    text = """
- name: ask
  then:
    call:
      to: "shop:/ask"
      json: {text: "{{ text }}", nick: "{{ vars.nick }}", n: 5, on: true, ids: ["{{ from }}"]}
    failed: no
"""
    call = asked(text, 'say "hi"')

    assert call.payload["method"] == "POST"
    assert orjson.loads(call.payload["content"]) == {
        "text": 'say "hi"', "nick": "", "n": 5, "on": True, "ids": [ANA],
    }  # fmt: skip


def test_a_call_ends_the_search_and_is_made_for_nobody_who_is_muted_or_late() -> None:
    text = TRACK + "- {name: below, then: Hello.}\n"
    muted = Contact(ANA, wa_id=ANA, muted_until=NOW + timedelta(hours=1))
    late = a_message(text="order 7", at=NOW - timedelta(hours=2))

    assert texts(planned(rules(text), a_message(text="order 7"))) == []
    assert planned(rules(text), a_message(text="order 7"), contact=muted).calls == ()
    assert planned(rules(text), late).calls == ()
    assert planned(rules(text), late).records[0].is_too_old


REASON = "rule track, order lookup failed"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"status": "sent", "by": "2026-12-05"}), "7 is sent by 05/12 for Annie."),
        ((204,), "7 is  by  for Annie."),
        ((200, {"status": 5, "by": "soon"}), "7 is 5 by soon for Annie."),
        ((404, "<html>"), "I do not know 7."),
        ((503, {}), "They are ill."),
        ((418, {}), "A person will answer."),
        ((200, "<html>"), "A person will answer."),
        ((None, None, "ReadTimeout"), "A person will answer."),
        ((200, {}, "the answer is longer than 64 kB"), "A person will answer."),
    ],
)
def test_the_most_exact_branch_follows(answer: tuple[Any, ...], said: str) -> None:
    contact = Contact(ANA, wa_id=ANA, last_inbound_at=NOW, vars={"nick": "Annie"})

    made = after(TRACK, asked(TRACK), *answer, contact=contact)

    assert texts(made) == [said]
    handed = made.contact.hand_over
    assert (handed.cause if handed else "") == REASON * ("person" in said)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", "1"), ("list", "x, y"), ("list.1", "y"), ("items.title", "T, U"),
        ("items.1.title", "U"), ("flag", "yes"), ("none", "-"), ("a", "-"), ("items.9.title", "-"),
        ("price", "9.9"),
    ],
)  # fmt: skip
def test_a_placeholder_follows_a_path_into_the_answer(path: str, value: str) -> None:
    text = (
        '\n- name: it\n  then:\n    call: "shop:/x"\n'
        f"    ok: \"{{{{ answer.{path} | default('-') }}}}\"\n    failed: no\n"
    )
    content = {
        "a": {"b": 1}, "list": ["x", "y"], "items": [{"title": "T"}, {"title": "U"}],
        "flag": True, "none": None, "price": 9.9,
    }  # fmt: skip

    assert texts(after(text, asked(text), 200, content)) == [value]


BRAIN = '\n- name: brain\n  then:\n    call: "shop:/reply"\n    failed: A person will answer.\n'


def test_the_messages_of_an_answer_are_the_reply() -> None:
    content = {
        "messages": ["One.", {"text": "Two."}, {"location": {"latitude": 1, "longitude": 2}}]
    }

    made = after(BRAIN, asked(BRAIN), 200, content)

    assert [send.body["type"] for send in made.sends] == ["text", "text", "location"]
    assert len({send.id for send in made.sends}) == 3


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ("hello", "must be a list"),
        ([{"text": ""}], "#/messages/0"),
        (["x" * 5000], "#/messages/0/text must have 1 to 4,096 characters"),
        (["fine", {"buttons": {"text": "a", "buttons": {}}}], "#/messages/1/buttons/buttons"),
        ([{"text": "a", "to": "351900000009"}], "#/messages/0/to is unknown"),
        ([7], "#/messages/0 must be a text or an object"),
        ([["x"]] * 11, "up to 10 messages"),
    ],
)
def test_messages_that_meta_would_refuse_are_a_failure_with_its_reason(
    messages: Any, why: str
) -> None:
    made = after(BRAIN, asked(BRAIN), 200, {"messages": messages})

    assert texts(made) == ["A person will answer."]
    assert why in made.records[0].fired[0].explanation


def test_an_answer_without_messages_and_without_a_branch_sends_nothing_and_is_told() -> None:
    made = after(BRAIN, asked(BRAIN), 200, {"messages": []})
    silent = after(BRAIN, asked(BRAIN), 200, {"else": 1})

    assert (texts(made), texts(silent)) == ([], [])
    assert "nothing follows" in silent.records[0].fired[0].explanation


@pytest.mark.parametrize("how", ["muted_until", "hand_over"])
def test_nothing_is_said_over_a_person(how: str) -> None:
    call = asked(TRACK)
    handed = planned(rules("\n- {name: x, then: {hand_over: 2h}}\n"), a_message()).contact
    muted = replace(handed, hand_over=None, muted_until=NOW + timedelta(hours=1))

    made = after(TRACK, call, 404, contact=handed if how == "hand_over" else muted)

    assert made.sends == ()
    assert "so nothing is sent" in made.records[0].fired[0].explanation


def test_an_answer_that_is_too_late_sends_nothing_and_notes_all_the_same() -> None:
    made = after(TRACK, asked(TRACK), None, None, "timeout", now=NOW + timedelta(hours=2))

    assert texts(made) == []
    assert made.records[0].is_too_old


@pytest.mark.parametrize(
    "changed",
    [
        TRACK.replace("shop:/orders/{{ no }}", "shop:/other/{{ no }}"),
        TRACK.replace("name: track", "name: renamed"),
        TRACK.replace("name: track", "name: track\n  enabled: no"),
    ],
    ids=["another request", "another name", "turned off"],
)
def test_a_rule_that_is_gone_meanwhile_does_nothing_and_is_told(changed: str) -> None:
    made = after(changed, asked(TRACK), 404)

    assert made.sends == ()
    assert "has no such call any more" in made.records[0].fired[0].explanation


def test_a_rule_that_moved_its_call_finds_it_again() -> None:
    moved = TRACK.replace("  then:\n", "  then:\n    - {tag: asked}\n")

    assert texts(after(moved, asked(TRACK), 404)) == ["I do not know 7."]


def test_typing_before_a_call_is_kept_up_for_the_message_that_asked() -> None:
    with_typing = TRACK.replace("  then:\n", "  then:\n    - typing\n")

    assert (asked(TRACK).payload["typing"], asked(with_typing).payload["typing"]) == ("", "wamid.1")


def test_a_branch_may_type_and_react_to_the_message_that_asked() -> None:
    text = TRACK.replace("404: I do not know {{ no }}.", "404: [typing, {react: 👍}, Done.]")

    made = after(text, asked(text), 404)

    typing, reaction, _ = (send.body for send in made.sends)
    assert (typing["message_id"], reaction["reaction"]["message_id"]) == ("wamid.1", "wamid.1")


def test_a_program_that_answers_each_answer_is_silenced() -> None:
    book_, contact, replies = rules(BRAIN), Contact(ANA, wa_id=ANA, last_inbound_at=NOW), 0
    for turn in range(30):
        now = NOW + timedelta(seconds=2 * turn)
        message = a_message(f"wamid.{turn}", text=f"{turn}", at=now)
        made = planned(book_, message, contact=contact, now=now)
        contact = made.contact
        for call in made.calls:
            answered = after(book_, call, 200, {"messages": ["Yes?"]}, contact=contact, now=now)
            contact, replies = answered.contact, replies + len(answered.sends)

    assert replies < 15
    assert contact.muted_until is not None


STEPS = r"""
- name: ask
  when: {text: {matches: 'ask (?P<no>\d)'}}
  then:
    call: "shop:/{{ no }}"
    ok: ["{{ no }}: {{ answer.say }}, {{ vars.last | default('-') }}", {set: {last: "{{ no }}"}}]
    failed: ["{{ no }} failed", {hand_over: 1h}]
- name: back
  when: {text: back}
  then: [unmute, Here again.]
- name: name
  when: {text: {matches: 'I am (?P<who>\w+)'}}
  then: [{set: {last: "{{ who }}"}}, Noted.]
"""
ACT = st.sampled_from(["ask", "ask", "name", "back", "answer", "answer", "fail"])


def _interleave(acts: list[str], rulebook: Rulebook) -> list[Event]:
    """Return events as an inbox would hold them: each answer somewhere behind its message."""
    events, open_calls = list[Event](), list[ServiceCall]()
    for place, act in enumerate(acts):
        words = {"ask": f"ask {place % 10}", "name": f"I am n{place}", "back": "back"}
        if act in words:
            message = a_message(f"wamid.{place}", text=words[act])
            events.append(message)
            open_calls += planned(rulebook, message).calls
        elif open_calls:
            call = open_calls.pop(place % len(open_calls))
            fails = act == "fail"
            events.append(returned(call, None if fails else 200, {"say": place}, "no" * fails))
    return events


def _plan_all(rulebook: Rulebook, batches: list[list[Event]]) -> tuple[Any, ...]:
    """Plan batches one after the other, each from the contact that the one before left."""
    contact, said = Contact(ANA, wa_id=ANA, last_inbound_at=NOW), list[Mapping[str, Any]]()
    calls = list[str]()
    for events in filter(None, batches):
        view = PlanningInput(NUMBER, NOW, {ANA: contact}, frozenset())
        (made,) = plan(view, events, rulebook).plans
        contact = made.contact
        said += [{"id": send.id, **send.body} for send in made.sends]
        calls += [call.id for call in made.calls]
    return said, calls, contact.vars, contact.hand_over, contact.muted_until


@given(st.lists(ACT, max_size=14), st.lists(st.integers(0, 14), max_size=4))
def test_any_interleaving_is_planned_in_the_order_of_the_inbox(
    acts: list[str], cuts: list[int]
) -> None:
    """Hold one batch, batches cut anywhere, and single events against each other."""
    rulebook = rules(STEPS)
    events = _interleave(acts, rulebook)
    places = sorted({0, *(min(cut, len(events)) for cut in cuts), len(events)})
    cut_anywhere = [events[a:b] for a, b in pairwise(places)]

    one_by_one = _plan_all(rulebook, [[event] for event in events])

    assert _plan_all(rulebook, cut_anywhere) == one_by_one
    assert _plan_all(rulebook, [events]) == one_by_one
