"""The examples that people copy: the page on rules and the bot to play with."""

import re
from pathlib import Path

import pytest

from gateway.core.contacts import Contact
from gateway.core.filters import FILTERS
from gateway.rules.actions import BARE, SENDS
from gateway.rules.load import load
from gateway.rules.metas import TEXT_FIELDS
from gateway.rules.models import Rule
from gateway.rules.names import NAMES
from gateway.rules.when import TextTest, When
from tests.made import ANA, NOW, a_message
from tests.rules.booked import book

ROOT = Path(__file__).parents[2]
PAGE = ROOT.joinpath("docs", "rules.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
EXAMPLE = load(ROOT / "rules" / "example.yaml")

KEYS = sorted({*Rule.keys(), *When.keys(), *TextTest.keys(), *SENDS, *BARE})


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_example_of_the_page_loads(block: str) -> None:
    assert book(block).version


@pytest.mark.parametrize("key", KEYS)
def test_key_has_an_example_on_the_page(key: str) -> None:
    examples = "\n".join(BLOCKS)

    assert re.search(rf"\b{key}\b" if key in BARE else rf"\b{key}:", examples)


@pytest.mark.parametrize("word", sorted({*NAMES, *FILTERS, *TEXT_FIELDS}))
def test_word_is_named_on_the_page(word: str) -> None:
    assert re.search(rf"`{word}[`(]", PAGE)


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ({"text": "Which COLOR?"}, "colour"),
        ({"text": "menu"}, "menu"),
        ({"text": "Colours", "tapped": "colours", "type": "interactive"}, "colours"),
        ({"text": "Opening hours", "tapped": "hours", "type": "interactive"}, "hours"),
        ({"text": "A person", "tapped": "person", "type": "interactive"}, "person"),
        ({"text": "Blue, please"}, "favourite"),
        ({"text": "good morning"}, "welcome"),
    ],
)
def test_example_bot_answers(message: dict[str, str], rule: str) -> None:
    (fired,) = EXAMPLE.decide(a_message(**message), Contact(ANA), NOW).fired

    assert fired.rule == rule


def test_example_bot_helps_whom_it_knows() -> None:
    known = Contact(ANA, last_inbound_at=NOW)

    (fired,) = EXAMPLE.decide(a_message(text="good morning"), known, NOW).fired

    assert fired.rule == "help"


def test_example_menu_is_what_meta_takes() -> None:
    (fired,) = EXAMPLE.decide(a_message(text="menu"), Contact(ANA), NOW).fired

    buttons = fired.actions[0].body["interactive"]["action"]["buttons"]
    assert buttons[1] == {"type": "reply", "reply": {"id": "hours", "title": "Opening hours"}}
