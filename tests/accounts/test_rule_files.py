"""Rules as their files are at each question: read anew, compiled once, each account by itself."""

from pathlib import Path

import pytest

from gateway.accounts.account import Accounts
from gateway.accounts.rulebooks import RuleFiles
from gateway.rules.problems import RulebookError
from tests.support.accounts import TestAccount, accounts_text, read, variables
from tests.support.rules.rulebooks import HEAD

RULES = f"{HEAD}- {{name: one, then: x}}\n"
BROKEN = "version: 2\n"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    both = [
        TestAccount("shop", ["1001"], "1001", more="rules: shop.yaml"),
        TestAccount("hotel", ["3001"], "3001", more="rules: hotel.yaml"),
    ]
    for name in ("shop", "hotel"):
        (tmp_path / f"{name}.yaml").write_text(RULES)
    return read(accounts_text(both), tmp_path, variables(both))


def test_the_same_bytes_are_compiled_once(accounts: Accounts) -> None:
    files = RuleFiles(lambda: accounts)
    first, second = files.read(), files.read()

    assert [*first.by_path] == [*accounts.rule_paths]
    assert all(second.by_path[path] is book for path, book in first.by_path.items())


def test_a_change_counts_at_the_next_question(accounts: Accounts, tmp_path: Path) -> None:
    files = RuleFiles(lambda: accounts)
    before = files.read()
    (tmp_path / "shop.yaml").write_text(RULES.replace("one", "other"))
    after = files.read()

    assert after.version != before.version
    assert after.by_path[tmp_path / "hotel.yaml"] is before.by_path[tmp_path / "hotel.yaml"]


def test_rules_that_cannot_be_used_stop_no_other_account(
    accounts: Accounts, tmp_path: Path
) -> None:
    files = RuleFiles(lambda: accounts)
    before = files.read()
    (tmp_path / "shop.yaml").write_text(BROKEN)
    after = files.read()

    assert (before.is_whole, after.is_whole) == (True, False)
    assert [*after.by_path] == [tmp_path / "hotel.yaml"]


def test_where_no_rules_can_be_used_all_errors_are_told(accounts: Accounts, tmp_path: Path) -> None:
    for name in ("shop", "hotel"):
        (tmp_path / f"{name}.yaml").write_text(BROKEN)

    with pytest.raises(RulebookError) as raised:
        RuleFiles(lambda: accounts).read()

    told = str(raised.value)
    assert ("shop.yaml" in told, "hotel.yaml" in told) == (True, True)


def test_a_demo_answers_while_there_are_no_other_rules(accounts: Accounts, tmp_path: Path) -> None:
    empty, demo = tmp_path / "empty", tmp_path / "demo"
    empty.mkdir()
    demo.mkdir()
    (demo / "rules.yaml").write_text(RULES)

    assert not RuleFiles(lambda: accounts).load(empty, zone="").rules
    assert RuleFiles(lambda: accounts, demo=demo).load(empty, zone="").rules
