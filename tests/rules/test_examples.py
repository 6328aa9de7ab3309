"""The examples that people copy: those of the page on rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.messages.filters import FILTERS
from gateway.rules import reference
from gateway.rules.checks.rulefile_check import check
from gateway.rules.language.actions import BARE
from gateway.rules.language.conditions import Conditions, When
from gateway.rules.language.contact_actions import Choice, Signal
from gateway.rules.language.raw_messages import TEXT_FIELDS
from gateway.rules.language.types import Model
from gateway.rules.matching.placeholder_values import NAMES
from gateway.rules.testing.runner import play_case
from gateway.rules.testing.testfile import read_cases
from tests.support.rules.rulebooks import HEAD, book

ROOT = Path(__file__).parents[2]
PAGE = ROOT.joinpath("docs", "rules.md").read_text()
FOUND = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
# Tests of the rules right above them.
TESTS = [index for index, block in enumerate(FOUND) if block.startswith("- case: ")]
BLOCKS = [block for index, block in enumerate(FOUND) if index not in TESTS]

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
            yield from used(value.model_extra or {})
            for key in value.model_fields_set & type(value).model_fields.keys():
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


@pytest.mark.parametrize("index", TESTS)
def test_a_test_of_the_page_passes_with_the_rules_above_it(tmp_path: Path, index: int) -> None:
    file = tmp_path / "it.test.yaml"
    file.write_text(FOUND[index])
    rules, cases = book(FOUND[index - 1]), read_cases([file])
    assert cases.problems == ()

    played = [play_case(case, rules) for case in cases.cases]

    assert all(result.passed for result in played)
    assert {one.name for one in rules.rules} == set().union(*(one.fired for one in played))


def test_every_key_has_an_example_on_the_page() -> None:
    books = [check("page", HEAD + block if block.startswith("-") else block) for block in BLOCKS]

    assert KEYS - {key for one in books for key in used(one.book)} == set()


@pytest.mark.parametrize("word", sorted({*NAMES, *FILTERS, *TEXT_FIELDS}))
def test_word_is_named_on_the_page(word: str) -> None:
    assert re.search(rf"`{word}[`(]", PAGE)
