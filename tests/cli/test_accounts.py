"""The operator checks the file of accounts, and sees which secrets are still in use."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.accounts.account import AppSecret
from gateway.cli.main import app
from gateway.cli.operate.status import command
from gateway.store import keys, number_list
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tasks.celery_setup.config import QUEUES
from tests.support.accounts import CLINIC, TestAccount, accounts_text, write_accounts
from tests.support.servers import Server
from tests.support.stack import RULES
from tests.support.store.raw import now_ms, raw

pytestmark = pytest.mark.store
DAY = keys.DAY_MS
NEW, OLD = (AppSecret.of(secret.encode()).id for secret in ("new", "old"))
SHOP = TestAccount("shop", ["1001", "1002"], "501", more="rules: rules.yaml", secret="new,old")
FLEET = (SHOP, CLINIC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store) -> Path:
    """Return the folder of a gateway with two accounts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES)
    env = write_accounts(tmp_path, FLEET)
    env |= {"REDIS_URL": server.url, "GATEWAY_RULES": "rules.yaml"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    for name in ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(command, "count_listeners", lambda _: dict.fromkeys(QUEUES, 1))
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["accounts", *args])


def listed() -> list[dict[str, Any]]:
    result = run("list", "--json")
    assert result.exit_code == 0
    rows: list[dict[str, Any]] = json.loads(result.output)["accounts"]
    return rows


def use(store: Store, secret: str, times: int, days_ago: int) -> None:
    row = f"{times}|{now_ms(store) - days_ago * DAY}"
    raw(store).hset(keys.SECRET_USES, f"shop/{secret}", row)


def test_the_list_says_what_each_account_has(folder: Path) -> None:
    rows = listed()

    assert [(one["name"], one["address"], one["numbers"]) for one in rows] == [
        ("shop", "/webhook/shop", ["1001", "1002"]),
        ("clinic", "/webhook/clinic", ["2001"]),
    ]
    assert [one["rules"] for one in rows] == [str(folder / "rules.yaml"), "rules.yaml"]


def test_the_list_shows_no_secret_and_no_token() -> None:
    shown = run("list").output + run("list", "--json").output

    assert "1002" in shown
    assert not any(word in shown for word in ("EAA", "secret of", "verify"))


@pytest.mark.parametrize(
    ("old_days", "new_days", "is_safe"),
    [
        pytest.param(9, 0, True, id="a week without the old one"),
        pytest.param(3, 0, False, id="the old one was used lately"),
        pytest.param(9, 8, False, id="the new one has hardly been used since"),
    ],
)
def test_an_old_secret_is_safe_to_remove_after_a_week_without_it(
    store: Store, old_days: int, new_days: int, is_safe: bool
) -> None:
    use(store, NEW, 40, new_days)
    use(store, OLD, 7, old_days)

    secrets = {one["id"]: one for one in listed()[0]["secrets"]}

    assert (secrets[OLD]["matched"], secrets[OLD]["safe_to_remove"]) == (7, is_safe)
    assert not secrets[NEW]["safe_to_remove"]
    assert ("safe to remove" in run("list").output) is is_safe


def test_a_secret_that_has_matched_nothing_says_so() -> None:
    assert f"{NEW}: has matched nothing yet" in run("list").output


def test_the_variables_are_listed_as_one_account(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GATEWAY_ACCOUNTS")
    for name in ("APP_SECRET", "VERIFY_TOKEN", "ACCESS_TOKEN"):
        monkeypatch.setenv(f"META_{name}", "x")
    monkeypatch.setenv("META_PHONE_NUMBER_ID", "1001")

    (row,) = listed()

    assert (row["name"], row["address"], row["numbers"]) == ("", "/webhook", ["1001"])


def test_check_of_a_file_without_mistakes() -> None:
    result = run("check")

    assert (result.exit_code, result.output) == (0, "✓ 2 accounts, 3 numbers\n")


def test_check_tells_every_mistake_with_its_place(folder: Path) -> None:
    text = accounts_text(FLEET).replace("'2001'", "'1001'").replace("{env: SHOP_TOKEN}", "hush")
    (folder / "accounts.yaml").write_text(text)

    result = run("check")
    told = json.loads(run("check", "--json").output)

    assert result.exit_code == 1
    assert "hush" not in result.output
    assert "✗ 2 mistakes: these accounts cannot be used" in result.output
    assert [(one["line"], one["column"], one["account"]) for one in told["problems"]] == [
        (7, 12, "shop"),
        (22, 17, "clinic"),
    ]


def test_check_tells_of_rules_that_cannot_be_used(folder: Path) -> None:
    (folder / "rules.yaml").write_text("version: 2\nrules: []\n")

    result = run("check")

    assert result.exit_code == 1
    assert "rules.yaml:1:10: version: '2' is not known" in result.output


def test_other_commands_end_with_every_mistake(folder: Path) -> None:
    (folder / "accounts.yaml").write_text("version: 2\naccounts: []\n")

    result = run("list")

    assert result.exit_code == 2
    assert "The accounts cannot be used" in result.stderr
    assert len(result.stderr.splitlines()) == 3


def test_status_of_one_account_shows_no_other(store: Store) -> None:
    for number in ("1001", "2001"):
        number_list.add_number(store, number)
    pauses.hold(store, ["1001"], "", "closed")

    told = {
        name: CliRunner().invoke(app, ["status", "--account", name, "--json"]).output
        for name in ("shop", "clinic")
    }

    assert [list(json.loads(one)["numbers"]) for one in told.values()] == [["1001"], ["2001"]]
    assert ["closed" in one for one in told.values()] == [True, False]


def test_status_of_an_unknown_account_names_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["status", "--account", "shap"])

    assert result.exit_code == 2
    assert "There is no account shap; did you mean 'shop'?" in result.stderr
