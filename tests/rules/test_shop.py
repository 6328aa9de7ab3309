"""The bot that people play with first: all that rules can do is in it, and all of it is tested."""

import re
from pathlib import Path

import pytest

from gateway.rules.language.actions import BARE, VERBS
from gateway.rules.language.conditions import Age, When
from gateway.rules.language.rulefile import Book, Defaults, RuleModel

ROOT = Path(__file__).parents[2]
SHOP = (ROOT / "examples/shop/rules.yaml").read_text()
KEYS = sorted(
    {*Book.keys(), *Defaults.keys(), *RuleModel.keys(), *When.keys(), *Age.keys(), *VERBS}
)


@pytest.mark.parametrize("key", [*KEYS, *sorted(BARE)])
def test_the_shop_shows_everything(key: str) -> None:
    assert re.search(rf"\b{key}\b" if key in BARE else rf"\b{key}:", SHOP)
