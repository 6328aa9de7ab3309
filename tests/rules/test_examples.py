"""The examples that people copy: the page on rules and the bot to play with."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.contacts import Contact
from gateway.core.filters import FILTERS
from gateway.rules import reference
from gateway.rules.actions import BARE
from gateway.rules.check import check
from gateway.rules.load import load
from gateway.rules.metas import TEXT_FIELDS
from gateway.rules.names import NAMES
from gateway.rules.noting import Choice, Signal
from gateway.rules.shape import Model
from gateway.rules.when import Conditions, When
from tests.made import ANA, NOW, a_message
from tests.rules.booked import HEAD, book

ROOT = Path(__file__).parents[2]
PAGE = ROOT.joinpath("docs", "rules.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
EXAMPLE = load(ROOT / "rules" / "example.yaml")

# What the models know, each key with the words under which the page has its table.
MODELS: dict[str, type[Model]] = {**reference.MODELS, "when": When}
KEYS = {
    (name, field.alias or key)
    for name, model in MODELS.items()
    for key, field in model.model_fields.items()
} | {("alone", verb) for verb in BARE}


def names_of(model: Model) -> str:
    """Name the table that tells of a model."""
    if isinstance(model, Conditions):
        return "when"
    return next(name for name, each in reference.MODELS.items() if each is type(model))


def used(value: Any) -> Iterator[tuple[str, str]]:
    """Go through the keys that stand in what was read."""
    match value:
        case Signal() | Choice():
            yield "alone", value.verb
        case Model():
            for key in value.model_fields_set:
                yield names_of(value), type(value).model_fields[key].alias or key
                yield from used(getattr(value, key))
        case dict():
            yield from (found for inner in value.values() for found in used(inner))
        case tuple() | list():
            yield from (found for inner in value for found in used(inner))
        case _:
            pass


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_example_of_the_page_loads(block: str) -> None:
    assert book(block).version


def test_every_key_has_an_example_on_the_page() -> None:
    books = [check("page", HEAD + block if block.startswith("-") else block) for block in BLOCKS]

    assert KEYS - {key for one in books for key in used(one.book)} == set()


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
