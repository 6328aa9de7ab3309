"""Time zones of accounts: each rulebook has that of its accounts, also after a change."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from gateway.accounts.account import Accounts
from gateway.accounts.rule_zones import read_zone_of_rules
from gateway.accounts.rulebooks import AccountRules
from gateway.rules.problems import RulebookError
from gateway.rules.reloader import RulebookSource
from tests.support.accounts import TestAccount, accounts_text, read, variables

RULES = "version: 1\nhours: {shop: {mon-sun: 09:00-18:00}}\nrules: []\n"
NAMED = RULES.replace("{mon", "{zone: UTC, mon")


@dataclass
class Process:
    """A process with two accounts, whose file and clock a test changes."""

    folder: Path
    now: float = 100.0
    accounts: Accounts = field(default_factory=lambda: Accounts(()))

    def write(self, shop: str = "", hotel: str = "") -> None:
        """Take up a file of accounts with these time zones."""
        both = [
            TestAccount(name, [number], number, more=f"rules: {name}.yaml{zone}")
            for name, number, zone in (
                ("shop", "1001", shop and f"\ntime_zone: {shop}"),
                ("hotel", "3001", hotel and f"\ntime_zone: {hotel}"),
            )
        ]
        self.accounts = read(accounts_text(both), self.folder, variables(both))

    def open_rules(self) -> AccountRules:
        clock = partial(getattr, self, "now")
        return AccountRules(lambda: self.accounts, partial(RulebookSource, clock=clock))

    def pass_time(self, rules: AccountRules) -> None:
        for _ in range(3):
            self.now += 1
            rules.reload_if_changed()


@pytest.fixture
def process(tmp_path: Path) -> Process:
    (tmp_path / "shop.yaml").write_text(RULES)
    (tmp_path / "hotel.yaml").write_text(RULES)
    return Process(tmp_path)


def zones(rules: AccountRules) -> list[str]:
    return [one.hours["shop"].zone for one in rules.rulebooks()]


def test_each_rulebook_has_the_zone_of_its_account(process: Process) -> None:
    process.write("Europe/Berlin", "Asia/Tokyo")

    assert zones(process.open_rules()) == ["Europe/Berlin", "Asia/Tokyo"]


def test_a_changed_zone_is_taken_up_for_its_account_alone(process: Process) -> None:
    process.write("Europe/Berlin", "Asia/Tokyo")
    rules = process.open_rules()
    before = rules.current().version

    process.write("Europe/Lisbon", "Asia/Tokyo")
    process.pass_time(rules)

    assert zones(rules) == ["Europe/Lisbon", "Asia/Tokyo"]
    assert rules.current().version != before
    assert not rules.problems


def test_a_zone_that_is_taken_away_leaves_the_one_before_in_force(process: Process) -> None:
    process.write("Europe/Berlin", "Asia/Tokyo")
    rules = process.open_rules()

    process.write("", "Asia/Tokyo")
    process.pass_time(rules)

    assert zones(rules) == ["Europe/Berlin", "Asia/Tokyo"]
    assert ["zone: missing" in one for one in rules.problems] == [True]


def test_rules_that_lacked_a_zone_are_used_once_the_account_names_one(process: Process) -> None:
    process.write("Europe/Berlin")
    rules = process.open_rules()
    lacking = len(rules.rulebooks())

    process.write("Europe/Berlin", "Asia/Tokyo")
    process.pass_time(rules)

    assert (lacking, zones(rules)) == (1, ["Europe/Berlin", "Asia/Tokyo"])


def test_a_zone_in_the_rules_goes_before_that_of_the_account(process: Process) -> None:
    process.write("Europe/Berlin", "Asia/Tokyo")
    (process.folder / "shop.yaml").write_text(NAMED)

    assert zones(process.open_rules()) == ["UTC", "Asia/Tokyo"]


def test_rules_without_any_zone_stop_a_process(process: Process) -> None:
    process.write()

    with pytest.raises(RulebookError, match="or in the accounts file as `time_zone`"):
        process.open_rules()


def test_a_file_inside_an_accounts_folder_has_its_zone(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text("accounts:\n- {name: a, rules: shop/, time_zone: Asia/Tokyo}\n- {name: b}\n")

    def zone(path: str) -> str:
        return read_zone_of_rules(file, tmp_path / "usual", tmp_path / path)

    assert [zone(path) for path in ("shop", "shop/a.yaml", "usual", "shop2", ".")] == [
        "Asia/Tokyo", "Asia/Tokyo", "", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\xff", b"accounts: [", b"accounts: 3", b"[]"])
def test_a_damaged_accounts_file_gives_no_zone(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_bytes(content)

    assert read_zone_of_rules(file, tmp_path, tmp_path) == ""
