"""What the pages say of tests is true: their examples can be played, and every key is explained."""

import re
from pathlib import Path

import pytest

from gateway.rules.loader import load
from gateway.rules.testing.runner import play_case
from gateway.rules.testing.testcase import Case, CaseStep, CustomerAct
from gateway.rules.testing.testfile import read_cases

ROOT = Path(__file__).parents[2]
PAGE = ROOT.joinpath("docs", "rules-testing.md").read_text()
BLOCK = r"^```yaml\n(.*?)^```$"


def blocks(page: str) -> list[str]:
    return re.findall(BLOCK, page, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks(PAGE), ids=range(len(blocks(PAGE))))
def test_a_test_of_the_page_can_be_played(tmp_path: Path, block: str) -> None:
    file = tmp_path / "it.test.yaml"
    file.write_text(block)

    book = read_cases([file])

    assert book.problems == ()
    shop = load(ROOT / "examples/shop")
    assert not any(turn.error for one in book.cases for turn in play_case(one, shop).results)


@pytest.mark.parametrize("key", sorted({*Case.keys(), *CaseStep.keys(), *CustomerAct.keys()}))
def test_a_key_is_explained_on_the_page(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_the_first_rule_passes_its_first_test(tmp_path: Path) -> None:
    rules, test = (one for one in blocks((ROOT / "README.md").read_text()) if "colo" in one)
    (tmp_path / "it.yaml").write_text(rules)
    (tmp_path / "it.test.yaml").write_text(test)

    (case,) = read_cases([tmp_path / "it.test.yaml"]).cases

    assert play_case(case, load(tmp_path / "it.yaml")).passed
