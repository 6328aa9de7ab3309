"""Why each rule answered or not, as chat, dev and `gateway rules` tell it."""

from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.rules.explain import RuleExplanation, explain, format_explanations
from gateway.rules.rulebook import Rulebook
from tests.support.factories import ANA, NOW, a_message, a_status
from tests.support.rules.rulebooks import book

RULES = book("""\
- {name: bye, when: {type: text, text: [bye, ciao]}, then: Bye.}
- {name: old, when: {first_contact: no}, then: Again!}
- {name: known, when: {from: 1}, then: You!}
- {name: seen, then: mark_read}
- {name: hi, when: {text: {word: hi}}, then: Hello.}
- {name: rest, then: What?}
""")


def lines(rules: str | Rulebook, contact: Contact | None = None, **message: Any) -> list[str]:
    asked = book(rules) if isinstance(rules, str) else rules
    return [str(one) for one in explain(asked, a_message(**message), contact or Contact(ANA), NOW)]


def test_every_rule_is_told_until_one_sends() -> None:
    assert lines(RULES, text="Oh, hi") == [
        '✗ bye: text is not one of "bye", "ciao"',
        "✗ old: this is the first contact",
        "✗ known: from is none the rule names",
        "✓ seen: always",
        '✓ hi: text has "hi" as a word',
    ]


def test_where_no_rule_is_asked_the_reason_stands_alone() -> None:
    assert lines(RULES, group="G1") == ["no rule was asked: group"]


def test_every_rule_is_told_where_none_sends() -> None:
    rules = "- {name: bye, when: {text: bye}, then: Bye.}\n- {name: seen, then: mark_read}"

    assert lines(rules) == ['✗ bye: text is not "bye"', "✓ seen: always"]


HI = "text: hi"
NEAR = {
    "the words fit and the hours do not": (
        f"{{{HI}, inside: never}}", '~ it: text is "hi", but it is outside the hours never',
    ),
    "the words fit and two other things do not": (
        f"{{{HI}, inside: never, first_contact: no}}", "✗ it: this is the first contact",
    ),
    "only the words do not fit": (
        "{text: bye, first_contact: yes, type: text}", '✗ it: text is not "bye"',
    ),
    "one of several fits nearly": (
        f"[{{text: bye}}, {{{HI}, tags: vip}}]",
        '~ it: text is "hi", but text is not "bye" and tags do not have "vip"',
    ),
    "only the kind fits": ("{type: text, first_contact: no}", "✗ it: this is the first contact"),
}  # fmt: skip


@pytest.mark.parametrize(("when", "told"), NEAR.values(), ids=NEAR)
def test_a_rule_is_near_where_what_was_said_fits_and_one_thing_does_not(
    when: str, told: str
) -> None:
    rules = f"""\
version: 1
hours: {{never: {{zone: UTC, mon: closed}}}}
rules:
  - {{name: it, when: {when}, then: Hello.}}
"""
    assert lines(rules) == [told]


def test_a_rule_that_rests_is_near() -> None:
    rules = "- {name: it, cooldown: 1h, then: Hello.}"
    fired_ms = int(NOW.timestamp() * 1000) - 60_000
    contact = Contact(ANA, used={"it": (fired_ms + 3_600_000, fired_ms)})

    assert lines(rules, contact) == ["~ it: it fired within the last 1h, which counts as answered"]


def test_a_rule_that_passes_on_what_is_beyond_its_limit_is_near_as_well() -> None:
    rules = """\
- {name: it, cooldown: 1h, when_limited: next, then: Hello.}
- {name: below, then: Hi.}
"""
    fired_ms = int(NOW.timestamp() * 1000) - 60_000
    contact = Contact(ANA, used={"it": (fired_ms + 3_600_000, fired_ms)})

    assert lines(rules, contact) == ["~ it: it fired within the last 1h", "✓ below: always"]


def test_a_status_is_explained_too() -> None:
    rules = book("- {name: late, when: {event: status, status: failed, code: 1}, then: x}")

    (told,) = explain(rules, a_status("wamid.1", "failed", code=2), Contact(ANA), NOW)

    assert (told.fired, told.is_near_miss) == (False, True)
    assert told.reason.startswith('event is "status" and status is "failed", but ')


MANY = [RuleExplanation(f"r{number}", False, "far") for number in range(20)]
APART = RuleExplanation("other", False, "far", is_other_kind=True)
READ = {
    "one for other events": ([MANY[0], APART], ["✗ r0: far"]),
    "all for other events": ([APART, APART], ["no rule is for such an event"]),
    "none": ([], []),
    "few": (MANY[:2], ["✗ r0: far", "✗ r1: far"]),
    "many": (
        [
            *MANY,
            RuleExplanation("near", False, "n", is_near_miss=True),
            RuleExplanation("it", True, "y"),
        ],
        ["~ near: n", "✓ it: y", "✗ 20 more rules that are far from fitting"],
    ),
}


@pytest.mark.parametrize(("told", "read"), READ.values(), ids=READ)
def test_of_many_rules_those_are_told_that_are_near(
    told: list[RuleExplanation], read: list[str]
) -> None:
    assert list(format_explanations(told)) == read
