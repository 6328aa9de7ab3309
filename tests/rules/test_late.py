"""Age decides about answers only: what is noted of a late event is what is noted in time."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.alerts import Alert
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.loop_guard import MOST_QUICK, SILENCE, Volley
from gateway.core.events import Event, Status
from gateway.core.planning.batch import Plan, PlanningInput, plan
from gateway.core.planning.decision import Decision
from gateway.rules.rulebook import Rulebook
from tests.rules.test_decide import verbs
from tests.rules.test_total import (
    COUNT,
    EVENTS,
    LIMITS,
    MESSAGES,
    RULEBOOKS,
    STATUSES,
    THENS,
    WHENS,
    told_apart,
    with_rules,
)  # fmt: skip
from tests.support.factories import ANA, NOW, NUMBER, a_message
from tests.support.rules.rulebooks import book, decided, planned

LATE = NOW - timedelta(minutes=31)
OF_ANY_AGE, OF_NO_AGE = timedelta(days=9_999), timedelta(days=-9_999)
# Of these the answer depends on the moment of planning, whatever `max_age` is.
BY_THE_CLOCK = ("age:", "window:", "inside:", "outside:", "hours.")
TIMELESS = [
    n
    for n, (when, then), limit in zip(
        range(COUNT),
        product(WHENS, THENS),
        LIMITS * COUNT,
        strict=False,
    )
    if not any(word in when + then for word in BY_THE_CLOCK) and limit in ("", ", stop: yes")
]
TIMELESS_BOOKS = st.lists(st.sampled_from(TIMELESS), min_size=1, max_size=6, unique=True).map(
    with_rules
)


def test_late_stop_is_an_opt_out_without_an_answer() -> None:
    rules = "- {name: stop, when: {text: stop}, then: [opt_out, As you wish.]}"

    made = planned(rules, a_message(text="stop", at=LATE))

    assert (made.contact.opted_out_at, made.sends) == (LATE, ())


def test_late_event_ends_the_search_at_the_same_rule() -> None:
    rules = """\
- {name: log, then: {tag: a}}
- {name: first, then: [{alert: x}, One]}
- {name: second, then: {tag: b}}
"""
    assert verbs(decided(rules, at=LATE)) == [("log", ["tag"]), ("first", ["alert"])]


@pytest.mark.parametrize(
    "then", ["Hi", "{send_template: hello, language: en}", "mark_read", "typing", "{react: 👍}"]
)
def test_what_the_customer_would_see_is_left_out_of_a_late_event(then: str) -> None:
    (fired,) = decided(f"- {{name: it, then: {then}}}", at=LATE).fired

    assert fired.actions == ()
    assert fired.explanation.endswith("too old, so nothing is sent")


def test_rule_that_names_an_age_answers_late_events() -> None:
    decision = decided("- {name: sorry, when: {age: {older: 30m}}, then: Sorry.}", at=LATE)

    assert verbs(decision) == [("sorry", ["send_text"])]
    assert not decision.is_too_old


RULES = """\
- {name: log, then: [mark_read, {tag: a}]}
- {name: bye, when: {text: bye}, then: [typing, Bye.]}
- {name: draft, when: {text: draft}, then: A draft., shadow: yes}
- {name: empty, when: {text: empty}, then: "{{ tapped }}"}
- {name: hello, when: {text: both}, then: Hello., stop: no}
- {name: sorry, when: {text: both, age: {older: 1m}}, then: Sorry.}
"""


@pytest.mark.parametrize(
    ("message", "is_too_old"),
    [
        pytest.param({"text": "bye"}, True, id="its answer was left out"),
        pytest.param({"text": "bye", "at": NOW}, False, id="in time"),
        pytest.param({"text": "what"}, False, id="no rule has an answer"),
        pytest.param({"text": "draft"}, False, id="the answer is in shadow"),
        pytest.param({"text": "empty"}, False, id="the answer is empty"),
        pytest.param({"text": "both"}, False, id="another rule answers"),
        pytest.param({"text": "bye", "wa_id": ""}, False, id="nobody to answer"),
    ],
)
def test_event_is_too_old_if_only_its_age_keeps_it_from_a_message(
    message: dict[str, Any], is_too_old: bool
) -> None:
    assert decided(RULES, **{"at": LATE, **message}).is_too_old is is_too_old


def test_late_message_of_a_muted_customer_is_not_too_old() -> None:
    muted = Contact(ANA, wa_id=ANA, muted_until=NOW + timedelta(hours=1))

    decision = decided(RULES, muted, text="bye", at=LATE)

    assert not decision.is_too_old
    assert "muted until" in decision.fired[1].explanation


def test_late_event_leaves_a_record_that_says_why_nothing_was_sent() -> None:
    (record,) = planned("- {name: hi, then: Hi.}", a_message(at=LATE)).records

    assert (record.is_too_old, record.sends) == (True, ())
    assert [one.rule for one in record.fired] == ["hi"]


def test_late_event_without_a_rule_is_not_called_too_old() -> None:
    (record,) = planned("- {name: bye, when: {text: bye}, then: B}", a_message(at=LATE)).records

    assert (record.is_too_old, record.fired) == (False, ())


LIMITED = "- {name: hi, cooldown: 1h, then: [{tag: met}, Hi.]}\n- {name: rest, then: Rest.}"


def test_a_late_firing_counts_for_its_limit_and_its_answer_is_owed_to_the_next_message() -> None:
    texts = [a_message("wamid.1", at=LATE), a_message("wamid.2"), a_message("wamid.3")]

    late, owed, beyond = planned(LIMITED, *texts).records

    assert ([one.rule for one in late.fired], late.sends, late.is_too_old) == (["hi"], (), True)
    assert [action.verb for one in owed.fired for action in one.actions] == ["send_text"]
    assert (beyond.fired, beyond.limited and beyond.limited.rule) == ((), "hi")


def test_an_answer_stays_owed_while_messages_are_too_old() -> None:
    texts = [a_message(f"wamid.{n}", at=LATE) for n in range(3)]

    made = planned(LIMITED, *texts, a_message("wamid.3"))

    assert [record.is_too_old for record in made.records] == [True, False, False, False]
    assert [send.body["text"]["body"] for send in made.sends] == ["Hi."]


def test_a_customer_who_was_muted_is_answered_once_they_are_not() -> None:
    muted = Contact(ANA, wa_id=ANA, last_inbound_at=NOW, muted_until=NOW + timedelta(minutes=10))
    silent = planned(LIMITED, a_message("wamid.1"), contact=muted)

    after = replace(silent.contact, muted_until=None)
    made = planned(LIMITED, a_message("wamid.2"), contact=after)

    assert silent.sends == ()
    assert [send.body["text"]["body"] for send in made.sends] == ["Hi."]
    assert made.contact.unanswered == ()


def test_late_messages_are_no_loop_because_they_get_no_reply() -> None:
    volley = Volley(LATE, MOST_QUICK)
    contact = Contact(ANA, wa_id=ANA, last_inbound_at=NOW, volley=volley)

    made = planned("- {name: hi, then: Hi.}", a_message(at=LATE), contact=contact)

    assert (made.alerts, made.contact.volley, made.contact.muted_until) == ((), volley, None)


def test_record_has_the_mute_with_which_a_program_was_stopped() -> None:
    contact = Contact(ANA, wa_id=ANA, last_inbound_at=NOW, volley=Volley(NOW, MOST_QUICK))

    (record,) = planned("- {name: hi, then: Hi.}", a_message(), contact=contact).records

    assert record.muted_until == NOW + SILENCE


def test_late_first_message_is_no_longer_the_first_contact_of_the_next() -> None:
    rules = "- {name: welcome, when: {first_contact: yes}, then: Welcome.}"
    stranger = Contact(ANA, wa_id=ANA)

    made = planned(rules, a_message("wamid.1", at=LATE), a_message("wamid.2"), contact=stranger)

    assert [(record.is_too_old, len(record.fired)) for record in made.records] == [
        (True, 1),
        (False, 0),
    ]


def plans(rulebook: Rulebook, events: list[Event], max_age: timedelta) -> tuple[Plan, ...]:
    view = PlanningInput(NUMBER, NOW, {}, frozenset())
    return plan(view, told_apart(events), replace(rulebook, max_age=max_age)).plans


def noted(made: Plan) -> tuple[Contact, tuple[Alert, ...], list[object]]:
    """Return all that a plan notes; the volley counts replies, and `unanswered` their absence."""
    changes = [record.changes for record in made.records if record.changes]
    return replace(made.contact, volley=None, unanswered=()), made.alerts, [*changes]


@given(RULEBOOKS, EVENTS)
def test_what_is_noted_does_not_depend_on_max_age(rulebook: Rulebook, events: list[Event]) -> None:
    late, timely = plans(rulebook, events, OF_NO_AGE), plans(rulebook, events, OF_ANY_AGE)

    assert list(map(noted, late)) == list(map(noted, timely))


@given(RULEBOOKS, EVENTS)
def test_an_event_is_too_old_exactly_if_a_message_is_missing(
    rulebook: Rulebook, events: list[Event]
) -> None:
    # An answer that is owed since the failure of one, of any age, is not kept back by its age only.
    assume(not any(isinstance(one, Status) and one.callback.startswith("0") for one in events))
    late, timely = plans(rulebook, events, OF_NO_AGE), plans(rulebook, events, OF_ANY_AGE)

    messages = [
        [{send.record for send in made.sends if not send.repeatable} for made in each]
        for each in (late, timely)
    ]
    records = [[one.id for one in made.records if one.is_too_old] for made in late]
    missing = [before - after for after, before in zip(*messages, strict=True)]
    assert list(map(set, records)) == missing


def wishes(decision: Decision) -> object:
    """Return what is noted, without the moments at which it was."""
    contact = decision.contact or Contact(ANA)
    noted_moments = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", one) for one in decision.changes]
    alerts = [one.body for fired in decision.fired for one in fired.actions if one.verb == "alert"]
    consent = (contact.opted_out_at, contact.consent_at)
    return contact.tags, contact.vars, consent, noted_moments, alerts


@given(TIMELESS_BOOKS, MESSAGES | STATUSES, st.integers(0, 10**6))
def test_an_event_notes_the_same_however_late_it_comes(
    rulebook: Rulebook, event: Event, late_s: int
) -> None:
    in_time = rulebook.decide(event, Contact(ANA, wa_id=ANA), max(NOW, event.at))
    later = max(NOW, event.at) + timedelta(seconds=late_s)

    assert wishes(rulebook.decide(event, Contact(ANA, wa_id=ANA), later)) == wishes(in_time)


def test_there_are_rules_of_every_verb_among_those_without_a_clock() -> None:
    found = {step.verb for rule in with_rules(TIMELESS).rules for step in rule.steps}

    assert found >= {"opt_out", "opt_in", "tag", "untag", "set", "unset", "mute", "unmute", "alert"}


def test_a_day_late_is_as_good_as_in_time_for_a_tag() -> None:
    rules = book("- {name: a, then: [{tag: a}, Hi.]}")

    late = rules.decide(a_message(at=NOW - timedelta(days=1)), Contact(ANA), NOW)

    assert late.changes == ("tagged a: rule a",)
