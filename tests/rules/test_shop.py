"""The bot that people play with first: all that rules can do is in it, and all of it is tested."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.rules.language.actions import BARE, VERBS
from gateway.rules.language.conditions import Age, When
from gateway.rules.language.rulefile import Book, Defaults, RuleModel
from gateway.rules.loader import find_problems

ROOT = Path(__file__).parents[2]
SHOP = ROOT.joinpath("rules", "shop.yaml").read_text()
KEYS = sorted(
    {*Book.keys(), *Defaults.keys(), *RuleModel.keys(), *When.keys(), *Age.keys(), *VERBS}
)


@pytest.mark.parametrize("key", [*KEYS, *sorted(BARE)])
def test_the_shop_shows_everything(key: str) -> None:
    assert re.search(rf"\b{key}\b" if key in BARE else rf"\b{key}:", SHOP)


def test_nothing_is_odd_with_the_shop() -> None:
    assert find_problems(ROOT / "rules") == []


def test_the_tests_of_the_shop_hit_every_rule() -> None:
    result = CliRunner().invoke(app, ["rules", "test", str(ROOT / "rules"), "--strict"])

    assert result.exit_code == 0, result.output
