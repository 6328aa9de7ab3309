"""The examples that people copy: those of the page on rules."""

import re
from pathlib import Path

import pytest

from gateway.core.filters import FILTERS
from gateway.rules.actions import BARE, SENDS
from gateway.rules.metas import TEXT_FIELDS
from gateway.rules.models import Rule
from gateway.rules.names import NAMES
from gateway.rules.when import TextTest, When
from tests.rules.booked import book

ROOT = Path(__file__).parents[2]
PAGE = ROOT.joinpath("docs", "rules.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)

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
