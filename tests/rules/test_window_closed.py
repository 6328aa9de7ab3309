"""What a rule says for a customer who has been silent for 24 hours."""

from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.decision import Action
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import book

TEMPLATE = {
    "type": "template",
    "template": {"name": "sorry", "language": {"policy": "deterministic", "code": "en"}},
}
DEFAULT = "version: 1\ndefaults: {window_closed: drop}\nrules:\n"


def action(then: str, head: str = "version: 1\nrules:\n") -> Action:
    rulebook = book(f"{head}- name: it\n  then: {then}\n")
    (fired,) = rulebook.decide(a_message(), Contact(ANA), NOW).fired
    return fired.actions[0]


@pytest.mark.parametrize(
    ("then", "head", "expected"),
    [
        ("Hi", None, ""),
        ("{send_text: Hi, window_closed: drop}", None, "drop"),
        ("{send_text: Hi, window_closed: wait}", None, "wait"),
        (
            "{send_text: Hi, window_closed: {send_template: sorry, language: en}}",
            None,
            TEMPLATE,
        ),
        ("{send: {type: x, x: {}}, window_closed: wait}", None, "wait"),
        ("Hi", DEFAULT, "drop"),
        ("{send_text: Hi, window_closed: wait}", DEFAULT, "wait"),
        ("{send_template: sorry, language: en}", DEFAULT, ""),
        ("typing", DEFAULT, ""),
    ],
    ids=[
        "nothing", "drop", "wait", "a template", "beside send", "the default",
        "instead of the default", "a template is never too late", "nor is a typing",
    ],
)  # fmt: skip
def test_what_follows_a_closed_window(then: str, head: str | None, expected: Any) -> None:
    found = action(then, head) if head else action(then)

    assert found.when_closed == expected


def test_a_template_that_goes_instead_is_filled_in() -> None:
    then = (
        "{send_text: Hi, window_closed: {send_template: sorry, language: en, components: "
        "[{type: body, parameters: [{type: text, text: '{{ name }}'}]}]}}"
    )
    closed: Any = action(then).when_closed

    assert closed["template"]["components"][0]["parameters"] == [{"type": "text", "text": "Ana"}]


@pytest.mark.parametrize(("then", "expected"), [("", False), (", marketing: yes", True)])
def test_marketing_is_said_beside_a_template(then: str, expected: bool) -> None:
    assert action(f"{{send_template: offer, language: en{then}}}").marketing is expected


def test_another_default_is_another_version() -> None:
    rule = "- {name: it, then: Hi}\n"

    assert book(DEFAULT + rule).version != book("version: 1\nrules:\n" + rule).version
