"""`gateway doctor` asks Meta about each account, and names the account and number of a line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.setup.doctor.accounts import check_accounts
from gateway.cli.setup.doctor.findings import Result
from gateway.cli.setup.doctor.meta_answers import MetaAnswers
from gateway.config.settings import Settings
from gateway.store.redis.client import Store
from tests.support.accounts import (
    CLINIC,
    TestAccount,
    accounts_text,
    read,
    variables,
    write_accounts,
)
from tests.support.cli.doctor_facts import META, NUMBER_INFO, TOKEN, WELL
from tests.support.servers import Server
from tests.support.stack import RULES

SHOP = TestAccount("shop", ["1001", "1002"], "501", more="pace: 40", secret="new,old")
FLEET = (SHOP, CLINIC)


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    return Settings.from_env(write_accounts(tmp_path, FLEET) | {"REDIS_URL": "redis://unused"})


def check(given: Settings, folder: Path, answers: dict[str, MetaAnswers]) -> list[Result]:
    """Check both accounts; Meta answers well of a number for which no other answers are given."""
    accounts = read(accounts_text(FLEET), folder, variables(FLEET))
    return check_accounts(
        given, accounts, WELL, lambda one, _: answers.get(one.meta_phone_number_id, META)
    )


def bad_groups(results: list[Result]) -> set[str]:
    return {one.group for one in results if one.state == "broken"}


def test_a_fleet_that_is_well_has_one_group_for_each_account_and_number(
    given: Settings, tmp_path: Path
) -> None:
    results = check(given, tmp_path, {})

    groups = list(dict.fromkeys(one.group for one in results if " of " in one.group))
    assert groups == [
        "settings of shop",
        "meta of shop",
        "number 1001 of shop",
        "templates of shop",
        "number 1002 of shop",
        "settings of clinic",
        "meta of clinic",
        "number 2001 of clinic",
        "templates of clinic",
    ]
    assert bad_groups(results) == set()
    assert sum(one.name == "store" for one in results) == 1


def test_a_refused_token_is_reported_of_its_account_only(given: Settings, tmp_path: Path) -> None:
    results = check(given, tmp_path, {"2001": replace(META, token=replace(TOKEN, app_id="9"))})

    assert bad_groups(results) == {"meta of clinic"}
    (token,) = [one for one in results if one.state == "broken" and one.name == "token"]
    assert "put it into token" in token.advice


def test_the_second_number_of_an_account_is_checked_as_well(
    given: Settings, tmp_path: Path
) -> None:
    banned = replace(META, number=replace(NUMBER_INFO, status="BANNED"))

    results = check(given, tmp_path, {"1002": banned})

    assert bad_groups(results) == {"number 1002 of shop"}


def test_a_rotation_is_reported_of_its_account(given: Settings, tmp_path: Path) -> None:
    secrets = [one for one in check(given, tmp_path, {}) if one.name == "app secrets"]

    assert [(one.group, one.state) for one in secrets] == [
        ("settings of shop", "warning"),
        ("settings of clinic", "fine"),
    ]


@pytest.fixture
def _fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store) -> None:
    """Enter the folder of a gateway with two accounts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES)
    env = write_accounts(tmp_path, FLEET)
    env |= {"REDIS_URL": server.url, "GATEWAY_RULES": "rules.yaml"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def doctor(*args: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["doctor", "--offline", "--json", *args])
    rows: list[dict[str, Any]] = json.loads(result.stdout)["checks"]
    return rows


@pytest.mark.store
@pytest.mark.usefixtures("_fleet")
def test_the_command_looks_at_one_account_where_it_is_named() -> None:
    groups = {one["group"] for one in doctor("--account", "shop")}

    assert {"store", "rules", "number 1002 of shop"} <= groups
    assert not any("clinic" in group for group in groups)


@pytest.mark.store
@pytest.mark.usefixtures("_fleet")
def test_accounts_that_cannot_be_used_are_broken_settings(tmp_path: Path) -> None:
    (tmp_path / "accounts.yaml").write_text("version: 1\naccounts: [{name: shop}]\n")

    (finding, *_) = [one for one in doctor() if one["state"] == "broken"]

    assert (finding["group"], finding["check"]) == ("settings", "settings")
    assert "accounts.yaml:2" in finding["reason"]
