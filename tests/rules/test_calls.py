"""Rules answer calls by what became of them."""

from datetime import timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.events import CallOutcome
from gateway.rules.language.conditions import CALL_OUTCOMES
from tests.support.factories import ANA, NOW, a_call, a_message
from tests.support.rules.rulebooks import planned, texts


@pytest.mark.parametrize("outcome", CALL_OUTCOMES)
@pytest.mark.parametrize("when", ["{call: missed}", "{event: call, call: missed}"])
def test_a_rule_names_what_became_of_a_call(when: str, outcome: CallOutcome) -> None:
    made = planned(f"- {{name: it, when: {when}, then: Sorry!}}", a_call(outcome))

    assert texts(made) == (["Sorry!"] if outcome == "missed" else [])


def test_a_rule_without_an_event_is_not_asked_about_calls() -> None:
    assert planned("- {name: it, then: Hello}", a_call()).sends == ()


@pytest.mark.parametrize("when", ["{event: call}", "{field: calls}"])
def test_a_call_without_a_word_is_a_call(when: str) -> None:
    made = planned(f"- {{name: it, when: {when}, then: {{alert: It rang.}}}}", a_call(""))

    assert len(made.alerts) == 1


def test_what_became_of_a_call_and_its_length_are_placeholders() -> None:
    said = "{{ name }}: {{ call }}, {{ call.duration }} s"
    rules = f"- {{name: it, when: {{event: call}}, then: '{said}'}}"

    assert texts(planned(rules, a_call("ended", raw={"duration": 60}))) == ["Ana: ended, 60 s"]


def test_the_window_is_open_for_the_rule_that_answers_a_call() -> None:
    rules = "- {name: it, when: {event: call, window: open}, then: Sorry!}"
    long_ago = Contact(ANA, wa_id=ANA, last_inbound_at=NOW - timedelta(days=9))

    assert texts(planned(rules, a_call(), contact=long_ago)) == ["Sorry!"]


def test_a_call_that_no_rule_answers_is_noted() -> None:
    made = planned("- {name: it, then: Hello}", a_call())

    assert (made.changed, made.contact.called_at) == (True, NOW)
    assert [record.fired for record in made.records] == [()]


def test_who_called_before_they_wrote_writes_for_the_first_time() -> None:
    rules = "- {name: it, when: {first_contact: yes}, then: Welcome!}"
    called = planned(rules, a_call(), contact=Contact(ANA, wa_id=ANA)).contact

    assert texts(planned(rules, a_message(), contact=called)) == ["Welcome!"]


@pytest.mark.parametrize("when", ["{call: ended}", "{event: call}", "{field: calls}"])
def test_a_rule_for_calls_may_name_what_meta_tells_of_them(when: str) -> None:
    rules = f"- {{name: it, when: {when}, then: '{{{{ call.duration }}}}'}}"

    assert texts(planned(rules, a_call("ended", raw={"duration": 60}))) == ["60"]
