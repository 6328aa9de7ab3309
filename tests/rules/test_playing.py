"""Each thing that a customer of a test does, and each that is expected."""

from pathlib import Path

import pytest

from gateway.rules.loader import load
from gateway.rules.testing.runner import CaseResult, play_case
from gateway.rules.testing.testfile import read_cases
from tests.support.rules.rulebooks import HEAD


def played(folder: Path, rules: str, case: str) -> CaseResult:
    """Play one case, given by what stands under its name."""
    folder.joinpath("it.yaml").write_text(rules if rules.startswith("version") else HEAD + rules)
    file = folder / "it.test.yaml"
    file.write_text("- case: it\n" + "".join(f"  {line}\n" for line in case.splitlines()))
    book = read_cases([file])
    assert not book.problems, book.problems
    return play_case(book.cases[0], load(folder / "it.yaml"))


def rule(when: str, then: str = "Yes.") -> str:
    return f"- {{name: it, when: {when}, then: '{then}'}}\n"


# What a rule asks for, and what a customer does that fits it and nothing else.
ACTS = {
    "a text": ("{text: hi}", "hi"),
    "a text in a mapping": ("{type: text, text: hi}", "{text: hi}"),
    "a tap": ("{tapped: track}", "{tapped: track}"),
    "a picture": ("{media: image}", "{media: image}"),
    "a caption": ("{media: video, text: look}", "{media: video, text: look}"),
    "a voice message": ("{media: voice}", "{media: voice}"),
    "a reaction": ('{reaction: "👍"}', "{reaction: 👍}"),
    "an order": ("{order: yes}", "{order: yes}"),
    "an ad": ("{referral: {source_id: A1}}", "{text: hi, referral: {source_id: A1}}"),
    "a picture from an ad": ("{referral: yes, media: image}", "{media: image, referral: {x: y}}"),
    "another type": (
        "{type: location}", "{type: location, content: {latitude: 1.5, longitude: 2}}",
    ),
    "an order with a note": (
        "{data: {order.text: now, order.count: 2}}",
        "{order: yes, content: {text: now, product_items: [{quantity: 2}]}}",
    ),
    "an answer of a Flow": ("{data: {flow.size: M}}", "{flow: {size: M}}"),
    "a file with a name": (
        "{data: {document.filename: a.pdf}}", "{media: document, content: {filename: a.pdf}}",
    ),
    "a place": (
        "{data: {location.latitude: 41.15}}", "{type: location, content: {latitude: 41.15}}",
    ),
    "a card": (
        "{data: {contacts.name: Rui}}",
        "{type: contacts, content: [{name: {formatted_name: Rui}}]}",
    ),
    "an event of a template": (
        "{field: message_template_status_update, data: {notice.event: REJECTED}}",
        "{field: message_template_status_update, value: {event: REJECTED}}",
    ),
    "any field of Meta": (
        "{field: account_update, event: notice}", "{field: account_update, value: {event: X}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("when", "they"), ACTS.values(), ids=ACTS)
def test_a_rule_fires_for_what_a_customer_does(tmp_path: Path, when: str, they: str) -> None:
    told = played(tmp_path, rule(when), f"talk:\n  - they: {they}\n    rules: [it]")

    assert told.passed, told.results


@pytest.mark.parametrize(
    ("when", "they"),
    [
        pytest.param("{event: echo}", "{event: echo, text: I help you}", id="echo"),
        pytest.param("{event: standby}", "{event: standby, text: hi}", id="standby"),
        pytest.param("{event: history}", "{event: history, text: hi}", id="history"),
    ],
)
def test_what_comes_elsewhere_is_no_message(tmp_path: Path, when: str, they: str) -> None:
    rules = f"{rule(when)}- {{name: any, then: No.}}\n"

    told = played(tmp_path, rules, f"talk:\n  - they: {they}\n    rules: [it]")

    assert told.passed, told.results


def test_a_status_is_of_what_we_said_last(tmp_path: Path) -> None:
    rules = """\
- {name: hello, when: {text: hi}, then: Hello.}
- name: failed
  when: {event: status, status: failed, code: 131047}
  then: {send_template: we_answered, language: en}
"""
    case = """\
talk:
  - they: hi
  - they: {status: delivered}
    we: []
  - wait: 2d
  - they: {status: failed, code: 131047}
    we: {send_template: we_answered}
"""
    assert played(tmp_path, rules, case).passed


# How things stand when a case begins, what a rule asks for, and whether it fires.
BEGINNINGS = {
    "a first contact": ("", "{first_contact: yes}", True),
    "no first contact": ("first_contact: no\n", "{first_contact: yes}", False),
    "one who wrote long ago": ("first_contact: no\n", "{silent_for: 29d}", True),
    "a tag": ("tags: vip\n", "{tags: vip}", True),
    "no tag": ("", "{tags: vip}", False),
    "a variable": ("vars: {size: '42'}\n", "{vars: {size: '42'}}", True),
    "a number of theirs": ("from: +351 900 000 002\n", "{from: '351900000002'}", True),
    "a number of ours": ("number: '5'\n", "{number: '5'}", True),
    "a campaign": ("campaign: Spring\n", "{campaign: [summer, spring]}", True),
    "another campaign": ("campaign: spring\n", "{campaign: summer}", False),
    "no campaign": ("", "{campaign: any}", False),
    "a moment": ("at: 2026-11-22 12:00 Europe/Lisbon\n", "{inside: sunday}", True),
    "another moment": ("at: 2026-11-23 12:00 Europe/Lisbon\n", "{inside: sunday}", False),
}
HOURS = "version: 1\nhours: {sunday: {zone: Europe/Lisbon, sun: 09:00-18:00}}\nrules:\n"


@pytest.mark.parametrize(("given", "when", "fires"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_case_begins_as_it_says(tmp_path: Path, given: str, when: str, fires: bool) -> None:
    expected = "[it]" if fires else "[]"

    told = played(
        tmp_path, HOURS + rule(when), f"{given}talk:\n  - they: hi\n    rules: {expected}"
    )

    assert told.passed, told.results


def test_a_name_is_known(tmp_path: Path) -> None:
    rules = rule("{text: hi}", "Hi {{ name }}!")

    assert played(tmp_path, rules, "name: Ana\ntalk:\n  - they: hi\n    we: Hi Ana!").passed


LASTS = {
    "a cooldown": ("cooldown: 1h", "59m", "[]", "1m", "Yes."),
    "a limit": ("at_most: 1 per 1d", "23h", "[]", "1h", "Yes."),
}


@pytest.mark.parametrize(("limit", "soon", "then", "later", "at_last"), LASTS.values(), ids=LASTS)
def test_what_a_rule_remembers_lasts_from_line_to_line(
    tmp_path: Path, limit: str, soon: str, then: str, later: str, at_last: str
) -> None:
    rules = f"- {{name: it, {limit}, then: 'Yes.'}}\n"
    case = f"""\
talk:
  - {{they: hi, we: Yes.}}
  - wait: {soon}
  - {{they: hi, we: {then}}}
  - wait: {later}
  - {{they: hi, we: {at_last}}}
"""
    assert played(tmp_path, rules, case).passed


def test_a_colleague_who_answers_from_the_phone_silences_rules(tmp_path: Path) -> None:
    case = """\
talk:
  - they: {event: echo, text: It is me who answers.}
    muted: yes
  - {they: hi, we: []}
  - wait: 12h
  - {they: hi, we: Yes., muted: no}
"""
    assert played(tmp_path, rule("{text: hi}"), case).passed


CLOSED = {
    "nothing is said of it": ("'Late.'", "[]"),
    "it is dropped": ("{send_text: Late., window_closed: drop}", "[]"),
    "it waits": ("{send_text: Late., window_closed: wait}", "[]"),
    "a template goes instead": (
        "{send_text: Late., window_closed: {send_template: late, language: en}}",
        "{send_template: late}",
    ),
}


@pytest.mark.parametrize(("then", "we"), CLOSED.values(), ids=CLOSED)
def test_what_meta_would_not_take_is_not_said(tmp_path: Path, then: str, we: str) -> None:
    rules = f"- {{name: it, when: {{event: status, status: read}}, then: {then}}}\n"
    case = f"talk:\n  - they: hi\n  - wait: 25h\n  - they: {{status: read}}\n    we: {we}"

    assert played(tmp_path, rules, case).passed


def test_marketing_is_not_sent_to_who_wants_none(tmp_path: Path) -> None:
    rules = (
        "- {name: it, when: {text: hi}, "
        "then: {send_template: offer, language: en, marketing: yes}}\n"
    )
    case = "opted_out: yes\ntalk:\n  - {they: hi, we: [], rules: [it], opted_out: yes}"

    assert played(tmp_path, rules, case).passed


def test_an_old_message_is_answered_by_no_rule(tmp_path: Path) -> None:
    case = "talk:\n  - they: {text: hi, age: 31m}\n    we: []"

    assert played(tmp_path, rule("{text: hi}"), case).passed


def test_a_message_in_a_group_is_answered_by_no_rule(tmp_path: Path) -> None:
    case = "talk:\n  - they: {text: hi, group: G1}\n    we: []"

    assert played(tmp_path, rule("{text: hi}"), case).passed


def test_signals_are_compared_where_they_are_named(tmp_path: Path) -> None:
    rules = "- {name: it, then: [typing, 'Yes.']}\n"

    assert played(tmp_path, rules, "talk:\n  - {they: hi, we: Yes.}").passed
    assert played(tmp_path, rules, "talk:\n  - {they: hi, we: [typing, Yes.]}").passed
    assert not played(tmp_path, rules, "talk:\n  - {they: hi, we: [mark_read, Yes.]}").passed


def test_a_wait_is_real_time_where_clocks_are_put_back(tmp_path: Path) -> None:
    """In Lisbon the night to the 25th of October 2026 has an hour more."""
    told = played(
        tmp_path,
        rule("{text: hi}"),
        "at: 2026-10-24 12:00 Europe/Lisbon\ntalk:\n  - wait: 1d\n  - {they: hi, we: no}",
    )

    begun = told.placed.case.at
    assert f"{told.results[1].now.astimezone(begun.tzinfo):%d %H:%M}" == "25 11:00"


EXPECTED = {
    "the same text": ("Yes.", "'Yes.'", True),
    "another text": ("Yes.", "'No.'", False),
    "another case of letters": ("Yes.", "'yes.'", False),
    "part of a list": ("[A, B]", "A", False),
    "another order": ("[A, B]", "[B, A]", False),
    "part of a mapping": (
        "{send_buttons: What?, buttons: {a: A, b: B}}", "{send_buttons: What?, buttons: {a: A}}",
        True,
    ),
    "a button that is not there": (
        "{send_buttons: What?, buttons: {a: A}}", "{send_buttons: What?, buttons: {b: B}}", False,
    ),
    "a number": (
        "{send: {type: location, location: {latitude: 1.5, longitude: 2}}}",
        "{send: {location: {latitude: 1.5}}}", True,
    ),
    "a truth": (
        "{send: {type: text, text: {body: x, preview_url: true}}}",
        "{send: {text: {preview_url: true}}}", True,
    ),
    "a short form in Meta's form": (
        "{send_location: {latitude: 1.5, longitude: 2}}",
        "{send: {type: location, location: {latitude: 1.5}}}", True,
    ),
    "another place in Meta's form": (
        "{send_location: {latitude: 1.5, longitude: 2}}",
        "{send: {type: location, location: {latitude: 3}}}", False,
    ),
    "Meta's form in a short form": (
        "[A, {send: {type: location, location: {latitude: '1.5', longitude: '2'}}}]",
        "[A, {send_location: {latitude: 1.5}}]", True,
    ),
    "a text where a mapping came": ("{react: 👍}", "👍", False),
}  # fmt: skip


@pytest.mark.parametrize(("then", "we", "passes"), EXPECTED.values(), ids=EXPECTED)
def test_what_is_said_is_compared(tmp_path: Path, then: str, we: str, passes: bool) -> None:
    rules = f"- name: it\n  then: {then}\n"

    assert played(tmp_path, rules, f"talk:\n  - they: hi\n    we: {we}").passed is passes
