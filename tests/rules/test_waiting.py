"""A message that is to be delivered before the next: planned, compared and played as such."""

from pathlib import Path

import pytest

from gateway.core.sending.send import DELIVERY_WAIT
from gateway.rules.testing.compare import Comparison
from tests.rules.test_diff import delivery
from tests.rules.test_playing import played
from tests.support.factories import a_message
from tests.support.rules.rulebooks import book, planned

FILE = '{send_media: "https://example.com/a.pdf", kind: document, wait: delivered}'
MESSAGES = [
    "{send_text: One, wait: delivered}",
    "{send_text: 'Hi {{ name }}', wait: delivered}",
    "{send_template: hello, language: en, wait: delivered}",
    "{send_buttons: Which?, buttons: {a: A}, wait: delivered}",
    "{send_list: Which?, button: Show, rows: {a: A}, wait: delivered}",
    "{send: {type: image, image: {id: '1'}}, wait: delivered}",
    FILE,
]


def rule(*then: str) -> str:
    return f"- {{name: it, then: [{', '.join(then)}]}}\n"


@pytest.mark.parametrize("message", MESSAGES)
def test_any_message_may_ask_to_be_delivered_first(message: str) -> None:
    sends = planned(rule(message, "Two."), a_message()).sends

    assert [one.delivery_wait for one in sends] == [DELIVERY_WAIT, 0 * DELIVERY_WAIT]


def test_a_wait_that_is_added_changes_the_answer() -> None:
    without = FILE.replace(", wait: delivered", "")
    comparison = Comparison(book(rule(without, "Two.")), book(rule(FILE, "Two.")))

    (change,) = comparison.compare([(delivery(1, "papers"), True)])

    assert change.old.messages != change.new.messages


@pytest.mark.parametrize(
    ("we", "passes"),
    [
        ("[{send_media: 'https://example.com/a.pdf'}, Two.]", True),
        ("[{send_media: 'https://example.com/a.pdf', wait: delivered}, Two.]", True),
        ("[{send_media: 'https://example.com/a.pdf'}, {send_text: Two., wait: delivered}]", False),
    ],
)
def test_a_test_may_ask_for_the_wait(tmp_path: Path, we: str, passes: bool) -> None:
    result = played(tmp_path, rule(FILE, "Two."), f"talk:\n  - they: hi\n    we: {we}")

    assert result.passed is passes


@pytest.mark.parametrize("we", ["[One., Two.]", "[{send_text: One., wait: delivered}, Two.]"])
def test_a_text_that_is_waited_for_is_a_text_in_a_test(tmp_path: Path, we: str) -> None:
    rules = rule("{send_text: One., wait: delivered}", "Two.")

    assert played(tmp_path, rules, f"talk:\n  - they: hi\n    we: {we}").passed
