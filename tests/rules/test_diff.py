"""Whose answer would change, over deliveries that were captured."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.events import Delivery
from gateway.rules.testing.compare import Change, Comparison, ComparisonTotals
from tests.support.factories import delivery_body, message_item
from tests.support.rules.rulebooks import book

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OLD = """\
- {name: menu, when: {text: menu}, then: Here.}
- {name: stop, when: {text: stop}, then: [opt_out, Bye.]}
- {name: rest, cooldown: 1h, then: What?}
"""


def delivery(number: int, text: str, sender: str = "351900000001", minutes: int = 0) -> Delivery:
    at = int(NOON.timestamp()) + 60 * minutes
    body = delivery_body(message_item(f"wamid.{number}", text, sender, at))
    return Delivery(f"0:{number}-0", datetime.fromtimestamp(at, UTC), body)


def compare(old: str, new: str, *deliveries: Delivery) -> tuple[list[Change], ComparisonTotals]:
    comparison = Comparison(book(old), book(new))
    changes = list(comparison.compare((one, True) for one in deliveries))
    return changes, comparison.totals


ALL = [
    delivery(1, "menu"), delivery(2, "stop"), delivery(3, "hm"),
    delivery(4, "hm", minutes=30), delivery(5, "menu", "351900000002"),
]  # fmt: skip
# What is changed in the rules, and which messages are then answered otherwise.
EDITS = {
    "nothing": (("", ""), []),
    "a text": (("Here.", "There."), ["wamid.1", "wamid.5"]),
    "a name": (("name: menu", "name: carte"), []),
    "an order that does not matter": (("[opt_out, Bye.]", "[Bye., opt_out]"), []),
    "what is noted": (("[opt_out, Bye.]", "Bye."), ["wamid.2"]),
    "a condition": (("text: stop", "text: end"), ["wamid.2", "wamid.3"]),
    "how long it rests": (("cooldown: 1h", "cooldown: 30m"), ["wamid.4"]),
    "a rule in shadow": (
        ("name: menu,", "name: menu, shadow: yes,"), ["wamid.1", "wamid.3", "wamid.5"],
    ),
    "a rule less": (("- {name: rest, cooldown: 1h, then: What?}\n", ""), ["wamid.3"]),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "changed"), EDITS.values(), ids=EDITS)
def test_an_edit_changes_these_answers(edit: tuple[str, str], changed: list[str]) -> None:
    changes, seen = compare(OLD, OLD.replace(*edit) if edit[0] else OLD, *ALL)

    assert [str(getattr(one.event, "id", "")) for one in changes] == changed
    assert (seen.events, seen.changed) == (5, len(changed))


def test_each_rule_is_counted_before_and_after() -> None:
    _, seen = compare(OLD, OLD.replace("text: menu", "text: hm"), *ALL)

    assert seen.rules == ["menu", "rest", "stop"]
    assert [(seen.old[rule], seen.new[rule]) for rule in seen.rules] == [(2, 2), (1, 2), (1, 1)]
    assert len(seen.contacts) == 2


def test_a_change_tells_both_answers() -> None:
    ((change,), _) = compare(OLD, OLD.replace("Here.", "There."), ALL[0])

    assert (change.old.rules, change.old.messages) == (("menu",), ("Here.",))
    assert (change.new.rules, change.new.messages) == (("menu",), ("There.",))


def test_a_delivery_that_nobody_timed_is_not_too_old() -> None:
    comparison = Comparison(book(OLD), book(OLD.replace("Here.", "There.")))

    assert len(list(comparison.compare([(ALL[0], False)]))) == 1


def test_whatever_was_captured_can_be_compared() -> None:
    folder = Path(__file__).parents[1] / "deliveries"
    bodies = [file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix != ".txt"]
    found = [Delivery(f"0:{n}-0", NOON, body) for n, body in enumerate(bodies)]

    changes, seen = compare(OLD, OLD, *found)

    assert (changes, seen.events > len(bodies)) == ([], True)
