"""The bot that people play with first: all that rules can do is in it, and all of it is tested."""

import re
from pathlib import Path

import pytest

from gateway.rules.language.actions import BARE
from gateway.rules.language.call_action import VERBS
from gateway.rules.language.conditions import Age, When
from gateway.rules.language.rulefile import Book, Defaults, RuleModel

ROOT = Path(__file__).parents[2]
SHOP = (ROOT / "examples/shop/rules.yaml").read_text()
# A shop that people play with has no application behind it.
BEHIND_US = {"forwards", "forward", "services", "call"}
KEYS = sorted(
    {*Book.keys(), *Defaults.keys(), *RuleModel.keys(), *When.keys(), *Age.keys(), *VERBS}
    - BEHIND_US
)


@pytest.mark.parametrize("key", [*KEYS, *sorted(BARE)])
def test_the_shop_shows_everything(key: str) -> None:
    assert re.search(rf"\b{key}\b" if key in BARE else rf"\b{key}:", SHOP)
