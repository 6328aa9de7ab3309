"""An operator says who may sign in to the console, with which role, and for which accounts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.store.console import audit_log, users
from gateway.store.redis.client import Store
from tests.support.accounts import CLINIC, SHOP, write_accounts
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server

pytestmark = pytest.mark.store
PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    env = write_accounts(tmp_path, [SHOP, CLINIC]) | {"REDIS_URL": server.url}
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))


def run(*args: str, password: str = PASSWORD) -> Result:
    return CliRunner().invoke(app, ["console-users", *args], input=f"{password}\n")


def test_a_user_is_bound_to_the_accounts_that_are_named(store: Store) -> None:
    added = run("add", "ana", "--role", "reply", "--account", "shop", "--account", "shop")
    run("add", "bo")
    listed = {one["name"]: one for one in json.loads(run("list", "--json").output)["users"]}

    assert added.output == "ana may sign in, with the role reply of shop.\n"
    assert (listed["ana"]["accounts"], listed["bo"]["accounts"]) == (["shop"], [])
    assert "shop" in run("list").output
    notes = [(one.what, one.about) for one in audit_log.read_entries(store, "", 9)]
    assert notes == [("add user as look", "bo"), ("add user as reply of shop", "ana")]


def test_an_account_that_is_unknown_adds_nobody(store: Store) -> None:
    refused = run("add", "ana", "--account", "shob")

    assert refused.exit_code != 0
    assert "There is no account shob; did you mean 'shop'?" in refused.output
    assert users.read_users(store) == []


def test_a_user_gets_other_accounts_only_when_replaced(store: Store) -> None:
    run("add", "ana", "--account", "shop")
    refused = run("add", "ana", "--account", "clinic")
    replaced = run("add", "ana", "--account", "clinic", "--replace")

    assert (refused.exit_code, replaced.exit_code) == (2, 0)
    assert [one.accounts for one in users.read_users(store)] == [("clinic",)]


def test_a_short_password_adds_nobody(store: Store) -> None:
    refused = run("add", "ana", password="too short")

    assert refused.exit_code == 2
    assert users.read_users(store) == []
