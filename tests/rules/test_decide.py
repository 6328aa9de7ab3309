"""Which rules answer, in which order, and with what."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.planning.decision import Action, Decision
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import book, decided

CATCH_ALL = "- {name: all, then: Yes.}"


def verbs(decision: Decision) -> list[tuple[str, list[str]]]:
    return [(fired.rule, [action.verb for action in fired.actions]) for fired in decision.fired]


def actions(then: str) -> tuple[Action, ...]:
    return decided(f"- name: it\n  then: {then}\n").fired[0].actions


def test_first_rule_that_sends_ends_the_search() -> None:
    rules = """\
- {name: other, when: {text: bye}, then: Bye.}
- {name: seen, then: mark_read}
- {name: first, then: [typing, One, Two]}
- {name: second, then: Three}
"""
    assert verbs(decided(rules)) == [
        ("seen", ["mark_read"]),
        ("first", ["typing", "send_text", "send_text"]),
    ]


def test_what_a_customer_wants_is_noted_and_does_not_end_the_search() -> None:
    rules = """\
- {name: stop, when: {text: stop}, then: opt_out}
- {name: start, when: {text: {any_of: [start, stop]}}, then: [opt_in, As you wish.]}
- {name: rest, then: What?}
"""
    assert verbs(decided(rules, text="stop")) == [
        ("stop", ["opt_out"]),
        ("start", ["opt_in", "send_text"]),
    ]


@pytest.mark.parametrize(
    ("then", "fired"),
    [
        ("leave", [("one", [])]),
        ("[{tag: seen}, leave]", [("one", ["tag"])]),
        ("leave, stop: no", [("one", []), ("two", ["send_text"])]),
        ("leave, shadow: yes", [("one", []), ("two", ["send_text"])]),
    ],
)
def test_what_is_to_be_left_is_left_by_all_rules_below(then: str, fired: object) -> None:
    assert verbs(decided(f"- {{name: one, then: {then}}}\n- {{name: two, then: Two.}}")) == fired


def test_no_rule_fires_and_nothing_is_noted() -> None:
    assert decided("- {name: bye, when: {text: bye}, then: Bye.}") == Decision()


@pytest.mark.parametrize(
    ("message", "note"),
    [
        pytest.param({"at": NOW + timedelta(days=1)}, "", id="a clock ahead of ours"),
        pytest.param({"group": "G1"}, "group", id="group"),
        pytest.param({"number": ""}, "no number", id="no number"),
        pytest.param({"wa_id": ""}, "no recipient", id="nobody to answer"),
        pytest.param({"wa_id": "", "user_id": "PT.7"}, "", id="user id only"),
    ],
)
def test_silence_is_noted(message: dict[str, Any], note: str) -> None:
    decision = decided(CATCH_ALL, **message)

    assert decision.note == note
    assert bool(decision.fired) is not bool(note)


def test_contact_tells_whom_to_answer_where_the_message_does_not() -> None:
    assert decided(CATCH_ALL, Contact(ANA, user_id="PT.7"), wa_id="").fired


@pytest.mark.parametrize(
    ("written", "age"),
    [("90s", 90), ("2m", 120), ("1 h", 3_600), ("1d", 86_400)],
)
def test_max_age_is_taken_from_the_defaults(written: str, age: int) -> None:
    rules = f"version: 1\ndefaults: {{max_age: {written}}}\nrules:\n- {{name: a, then: b}}\n"

    assert not decided(rules, at=NOW - timedelta(seconds=age)).is_too_old
    assert decided(rules, at=NOW - timedelta(seconds=age + 1)).is_too_old


@pytest.mark.parametrize(
    ("then", "verb", "body", "repeatable"),
    [
        pytest.param(
            "Hi", "send_text", {"type": "text", "text": {"body": "Hi"}}, False, id="a text"
        ),
        pytest.param(
            "{send_text: 1}", "send_text", {"type": "text", "text": {"body": "1"}}, False, id="text"
        ),
        pytest.param(
            "'no'", "send_text", {"type": "text", "text": {"body": "no"}}, False, id="a no"
        ),
        pytest.param(
            "{send_template: hello, language: en}",
            "send_template",
            {
                "type": "template",
                "template": {
                    "name": "hello",
                    "language": {"policy": "deterministic", "code": "en"},
                },
            },
            False,
            id="template",
        ),
        pytest.param(
            "mark_read", "mark_read", {"status": "read", "message_id": "wamid.1"}, True, id="read"
        ),
        pytest.param(
            "typing",
            "typing",
            {
                "status": "read",
                "message_id": "wamid.1",
                "typing_indicator": {"type": "text"},
            },
            True,
            id="typing",
        ),
    ],
)
def test_action(then: str, verb: str, body: dict[str, object], repeatable: bool) -> None:
    (action,) = actions(then)

    assert (action.verb, action.body, action.repeatable) == (verb, body, repeatable)


def test_template_takes_components_with_placeholders() -> None:
    (action,) = actions(
        "{send_template: hello, language: pt_PT, components: [{type: body, parameters: "
        "[{type: text, text: '{{ name }}'}, {type: currency, currency: {amount_1000: 5}}]}]}"
    )

    assert action.body["template"]["components"][0]["parameters"] == [
        {"type": "text", "text": "Ana"},
        {"type": "currency", "currency": {"amount_1000": 5}},
    ]


def test_send_types_plain_scalars_except_in_fields_that_are_text() -> None:
    (action,) = actions(
        "{send: {type: x, x: {flag: true, quoted: 'true', n: 3, f: -9.5, zeros: 007, word: yes, "
        "id: 1, title: 2, catalog_id: 3, text: true, list: [1, '1'], long: 1234567890123456}}}"
    )

    assert action.body["x"] == {
        "flag": True, "quoted": "true", "n": 3, "f": -9.5, "zeros": "007", "word": "yes",
        "id": "1", "title": "2", "catalog_id": "3", "text": "true", "list": [1, "1"],
        "long": "1234567890123456",
    }  # fmt: skip


ALL_KINDS = """\
- {name: read, when: {text: {contains: q}}, then: mark_read}
- {name: word, when: {text: {word: zebra}}, then: "{{ text }}"}
- {name: group, when: {text: {matches: '(?P<a>.)(?P<b>.)?$'}}, then: "{{ a }}{{ b | title }}"}
- {name: rest, then: ["{{ name | default(text) | upper }}", mark_read]}
"""


@given(st.text(st.characters()), st.text(), st.none() | st.text())
def test_decide_answers_whatever_is_written(text: str, name: str, tapped: str | None) -> None:
    event = a_message(text=text, name=name, tapped=tapped)

    decision = BOOK.decide(event, Contact(ANA), NOW)

    assert decision.fired
    assert all(action.body for fired in decision.fired for action in fired.actions)


BOOK = book(ALL_KINDS)


@pytest.mark.parametrize("text", ["\ud83d", "\x00", "a\ud83d\udc4d", "\ufdfa" * 5_000])
def test_decide_answers_odd_characters_in_text_that_can_be_sent(text: str) -> None:
    decision = BOOK.decide(a_message(text=text, name=text), Contact(ANA), NOW)

    for fired in decision.fired:
        assert repr([action.body for action in fired.actions]).encode()


def test_a_pattern_made_to_run_for_ever_is_quick() -> None:
    rules = "- {name: slow, when: {text: {matches: '^(a+)+$'}}, then: Yes.}"

    assert not decided(rules, text="a" * 4_000 + "!").fired


def test_deciding_twice_gives_the_same() -> None:
    event = a_message(text="order 7")

    assert BOOK.decide(event, Contact(ANA), NOW) == BOOK.decide(event, Contact(ANA), NOW)


def test_customer_texts_are_not_in_the_repr_of_a_decision() -> None:
    assert "secret" not in repr(decided(ALL_KINDS, text="my secret", name="secret"))
