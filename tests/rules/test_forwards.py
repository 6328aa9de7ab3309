"""Rules hand events on: by kind, or one by one, and each receiver gets an event once."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.contacts.contact import Contact
from gateway.core.events import Notice
from gateway.core.planning.batch import MOST_SENDS, PlanningInput, plan
from gateway.rules.loader import find_problems
from tests.support.factories import ANA, NOW, NUMBER, a_call, a_message, a_status
from tests.support.rules.rulebooks import book, planned

FILE = """\
version: 1
forwards:
  - {to: crm, url: "https://crm.example/in", secret: CRM_SECRET, events: [message, status, call]}
  - {to: desk, url: "http://n8n:5678/hook", secret: DESK, as: meta, order: none}
  - {to: other, url: "https://x.example", secret: X, events: message, numbers: "999"}
rules:
  - {name: agent, when: {text: agent}, then: {forward: desk}}
  - {name: twice, when: {text: twice}, then: [{forward: crm}, {forward: desk}, {forward: desk}]}
  - {name: quiet, when: {text: quiet}, shadow: yes, then: {forward: desk}}
"""
RULES = book(FILE)
FLOWS = Notice(
    key="n", delivery="0:1-0", item=0, number=NUMBER, contact="", at=NOW, raw={}, field="flows"
)


@pytest.mark.parametrize(
    ("event", "receivers"),
    [
        (a_message(text="hello"), ["crm"]),
        (a_message(text="agent"), ["crm", "desk"]),
        (a_message(text="twice"), ["crm", "desk"]),
        (a_message(text="quiet"), ["crm"]),
        (a_message(text="hello", group="g"), ["crm"]),
        (a_status("wamid.2", "read"), ["crm"]),
        (a_call("missed"), ["crm"]),
        (FLOWS, []),
    ],
    ids=lambda one: getattr(one, "text", None) or getattr(one, "kind", ""),
)  # fmt: skip
def test_each_receiver_gets_what_its_filter_or_a_rule_says(
    event: object, receivers: list[str]
) -> None:
    assert [one.receiver for one in planned(RULES, event).forwards] == receivers  # type: ignore[arg-type]


def test_a_muted_customer_and_an_old_message_are_forwarded_all_the_same() -> None:
    muted = Contact(ANA, wa_id=ANA, muted_until=NOW.replace(year=2027))
    old = a_message(text="agent", at=NOW.replace(day=1))

    assert [one.receiver for one in planned(RULES, old, contact=muted).forwards] == ["crm", "desk"]


def test_a_forward_names_its_event_by_place_and_its_customer_by_lane() -> None:
    first, again = (planned(RULES, a_message(text="agent")).forwards for _ in range(2))

    assert first == again
    crm, desk = first
    assert (crm.lane, desk.lane) == (ANA, "")
    assert {crm.place, desk.place} == {"0:1-0/0"}
    assert {crm.contact, desk.contact} == {ANA}
    assert crm.id != desk.id


def test_a_delivery_of_a_thousand_statuses_is_planned_in_bounded_parts() -> None:
    events = [a_status(f"wamid.{n}", "read", item=n) for n in range(1_000)]

    found = plan(PlanningInput(NUMBER, NOW, {ANA: Contact(ANA)}, frozenset()), events, RULES)

    (made,) = found.plans
    assert len(made.forwards) == len(made.events) <= MOST_SENDS
    assert len(made.events) + len(found.rest) == 1_000


def test_a_record_names_the_forwards_that_a_rule_asked_for() -> None:
    made = planned(RULES, a_message(text="agent"))

    assert made.records[0].forwards == tuple(one.id for one in made.forwards)


def test_rules_have_another_version_once_a_receiver_changed() -> None:
    assert RULES.version != book(FILE.replace("crm.example", "crm2.example")).version


CRM = "to: crm, url: 'https://x.example', secret: S"
MISTAKES = [
    ("{to: crm, url: ftp://x, secret: S}", "forwards.url: must be an address such as"),
    ("{to: crm, url: 'http://[x', secret: S}", "forwards.url: must be an address such as"),
    ("{to: crm, url: 'http://ana:pw@x', secret: S}", "forwards.url: must have no login"),
    ("{to: Crm, url: 'https://x.example', secret: S}", "must look like crm or help-desk"),
    ("{to: crm, url: 'https://x.example', secret: whsec_1}", "must look like CRM_SECRET"),
    (f"{{{CRM}, events: sms}}", "'sms' is not known"),
    (f"{{{CRM}, evnts: status}}", "unknown key 'evnts'; did you mean 'events'?"),
    (f"[{{{CRM}, events: message}}, {{{CRM}, events: status}}]", "'crm' is set at"),
    (f"{{{CRM}}}", "'crm' gets no event"),
]


@pytest.mark.parametrize(("written", "reported"), MISTAKES)
def test_an_author_is_told_what_is_wrong_with_a_receiver(
    tmp_path: Path, written: str, reported: str
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(f"version: 1\nforwards: {written}\nrules: []\n")

    problems = find_problems(file)

    assert any(reported in one.message for one in problems), problems
    assert {one.mark.line for one in problems} == {2}


def test_an_author_is_told_of_a_rule_that_names_no_receiver(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(FILE.replace("{forward: desk}}\n", "{forward: dsek}}\n", 1))

    (problem,) = [one for one in find_problems(file) if not one.is_warning]
    assert problem.message == "unknown forward 'dsek'; did you mean 'desk'?"


def test_a_test_of_rules_says_where_an_event_goes_and_a_check_what_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESK", "a secret")
    file, cases = tmp_path / "rules.yaml", tmp_path / "rules.test.yaml"
    file.write_text(FILE)
    cases.write_text(
        "- case: it\n  talk:\n    - {they: agent, forwards: [crm, desk]}\n"
        "    - {they: hello, forwards: [desk]}\n"
    )

    tested = CliRunner().invoke(app, ["rules", "test", str(file)])
    checked = CliRunner().invoke(app, ["rules", "check", str(file)])
    explained = CliRunner().invoke(app, ["rules", "explain", str(file), "--text", "agent"])

    assert tested.exit_code == 1
    assert "forwards" in tested.output
    assert "CRM_SECRET is not set here" in checked.output
    assert "DESK is not set" not in checked.output
    assert "(forwarded to crm, desk)" in explained.output
