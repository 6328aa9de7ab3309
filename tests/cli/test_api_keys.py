"""An operator makes, lists and revokes keys of the API."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.core.api.keys import find_key, hash_key
from gateway.store.api.api_keys import read_keys
from gateway.store.redis.client import Store
from tests.support.accounts import CLINIC, SHOP, write_accounts
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server

pytestmark = pytest.mark.store


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["api-keys", *args])


def test_a_new_key_is_printed_once_and_stored_as_its_hash(store: Store) -> None:
    made = json.loads(run("new", "shop", "--json").output)

    (key,) = read_keys(store)
    assert find_key([key], hash_key(made["key"])) == key
    assert (key.name, key.scopes, key.numbers) == ("shop", frozenset({"read", "send"}), ())
    assert made["key"] not in run("list", "--json").output


def test_a_key_has_the_scopes_numbers_rate_and_lifetime_that_were_asked_for(store: Store) -> None:
    args = ("--scope", "read", "--number", "123", "--rate", "5", "--expires", "30d")

    assert run("new", "reports", *args).exit_code == 0

    (key,) = read_keys(store)
    assert (key.scopes, key.numbers, key.rate) == (frozenset({"read"}), ("123",), 5)
    assert key.expires_at
    assert key.created_at
    assert (key.expires_at - key.created_at).days == 30
    assert "reports" in run("list").output


def test_a_key_is_bound_to_accounts_of_the_file(
    server: Server, store: Store, tmp_path: Path
) -> None:
    env = write_accounts(tmp_path, [SHOP, CLINIC]) | {"REDIS_URL": server.url}
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))

    assert run("new", "shop", "--account", "shop").exit_code == 0
    refused = run("new", "other", "--account", "shob")

    (key,) = read_keys(store)
    assert key.accounts == ("shop",)
    assert "shop" in run("list").output
    assert (refused.exit_code, "shop" in refused.output) == (2, True)


def test_a_revoked_key_is_gone(store: Store) -> None:
    made = json.loads(run("new", "shop", "--json").output)

    assert run("revoke", made["id"]).exit_code == 0
    assert read_keys(store) == []


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("new", "shop", "--scope", "sent"), "sent is no scope; did you mean 'send'?"),
        (("new", "shop", "--number", "+351"), "+351 is no phone number id: it has digits only."),
        (("new", "shop", "--expires", "soon"), "soon is no duration"),
        (("new", " "), "Give a name of 1 to 64 characters."),
        (("revoke", "nothing"), "No key has the id nothing"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(args: tuple[str, ...], sentence: str) -> None:
    result = run(*args)

    assert result.exit_code == 2
    assert sentence in result.output
