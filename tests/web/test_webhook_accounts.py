"""The doors of several accounts: each believes its own secrets, and knows its own token."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from gateway.accounts.account import AppSecret
from gateway.store import keys
from gateway.store.monitoring.secret_uses import UsedSecret, read_uses
from gateway.store.redis.client import Store
from gateway.web.request_limits import Bounds
from gateway.web.webhook import MOST_TRIED_BYTES, MOST_TRIES_PER_S
from tests.support.accounts import CLINIC, SHOP, TestAccount, accounts_text, write_accounts
from tests.support.servers import Server, wait_until
from tests.support.web.web_app import BODY, Web, a_web, kept
from tests.support.web.web_server import head, serving

pytestmark = [pytest.mark.anyio, pytest.mark.store]

DEFAULT = TestAccount("hotel", ["3001"], "503", more="default: yes")
SECRETS = {one.name: f"secret of {one.name}" for one in (SHOP, CLINIC, DEFAULT)}
IDS = {name: AppSecret.of(secret.encode()).id for name, secret in SECRETS.items()}


@asynccontextmanager
async def with_accounts(
    server: Server, folder: Path, patch: pytest.MonkeyPatch, *accounts: TestAccount
) -> AsyncIterator[Web]:
    """Run the application with a file of accounts, whose values are in the environment."""
    env = write_accounts(folder, accounts)
    for name, value in env.items():
        patch.setenv(name, value)
    async with a_web(server.url, lambda: None, **env) as web:
        yield web


@pytest.fixture
async def web(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Web]:
    async with with_accounts(server, tmp_path, monkeypatch, SHOP, CLINIC, DEFAULT) as web:
        yield web


async def until(holds: Callable[[], bool]) -> None:
    """Let the application go on until something holds."""
    await anyio.to_thread.run_sync(lambda: wait_until(holds, "it holds"))


def refused(store: Store, reason: str) -> Any:
    return store.run(lambda client: client.hget(keys.WEB_COUNT, f"refused.{reason}"))


async def test_each_door_keeps_with_the_name_of_its_account(web: Web, store: Store) -> None:
    for name in ("shop", "clinic"):
        answer = await web.deliver(secret=SECRETS[name], path=f"/webhook/{name}")
        assert answer.status_code == 200

    headers = {header for header, _ in kept(store)}
    assert headers == {f"meta|{IDS[name]}|{name}" for name in ("shop", "clinic")}


async def test_the_address_without_a_name_is_the_default_accounts(web: Web, store: Store) -> None:
    answer = await web.deliver(secret=SECRETS["hotel"])

    assert answer.status_code == 200
    assert kept(store) == [(f"meta|{IDS['hotel']}|hotel", BODY)]


@pytest.mark.parametrize("path", ["/webhook/shop", "/webhook"])
async def test_another_accounts_secret_opens_no_door(web: Web, store: Store, path: str) -> None:
    answer = await web.deliver(secret=SECRETS["clinic"], path=path)

    assert (answer.status_code, answer.content, kept(store)) == (401, b"", [])
    await until(lambda: refused(store, "signature_account") == b"1")
    assert refused(store, "signature_mismatch") is None


async def test_an_accounts_delivery_may_be_as_large_as_any(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = BODY + b" " * 3_000_000
    env = write_accounts(tmp_path, (SHOP, CLINIC, DEFAULT))
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    async with serving(server.url, Bounds(), **env) as web:
        line = await web.open(head(body, path="/webhook/shop", secret=SECRETS["shop"]) + body)
        assert await line.status() == 200

    assert kept(store) == [(f"meta|{IDS['shop']}|shop", body)]


async def test_a_large_body_is_not_tried_with_the_others_secrets(web: Web, store: Store) -> None:
    body = BODY + b" " * MOST_TRIED_BYTES

    answer = await web.deliver(body, SECRETS["clinic"], "/webhook/shop")

    assert answer.status_code == 401
    await until(lambda: refused(store, "signature_mismatch") == b"1")


async def test_strangers_cannot_have_many_bodies_tried_with_the_others_secrets(
    web: Web, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web.webhook.read_second", lambda: 7)

    for _ in range(MOST_TRIES_PER_S + 2):
        await web.deliver(secret=SECRETS["clinic"], path="/webhook/shop")

    await until(lambda: refused(store, "signature_mismatch") == b"2")
    assert refused(store, "signature_account") == b"%d" % MOST_TRIES_PER_S


async def test_a_strangers_secret_is_a_mismatch(web: Web, store: Store) -> None:
    answer = await web.deliver(secret="a stranger's", path="/webhook/shop")

    assert answer.status_code == 401
    await until(lambda: refused(store, "signature_mismatch") == b"1")


@pytest.mark.parametrize("name", ["nobody", "shop/", "Shop", "shop%00"])
async def test_a_name_that_no_account_has_is_refused(web: Web, store: Store, name: str) -> None:
    answer = await web.deliver(secret=SECRETS["shop"], path=f"/webhook/{name}")

    assert (answer.status_code, kept(store)) == (404, [])


async def test_an_unknown_name_is_counted(web: Web, store: Store) -> None:
    await web.deliver(path="/webhook/nobody")

    await until(lambda: refused(store, "account_unknown") == b"1")


async def test_without_a_default_the_address_without_a_name_is_refused(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_accounts(server, tmp_path, monkeypatch, SHOP, CLINIC) as web:
        answer = await web.deliver(secret=SECRETS["shop"])

    assert (answer.status_code, kept(store)) == (404, [])


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/webhook/shop", "verify shop", 200),
        ("/webhook", "verify hotel", 200),
        ("/webhook/shop", "verify clinic", 403),
        ("/webhook", "verify shop", 403),
        ("/webhook/nobody", "verify shop", 404),
    ],
)
async def test_each_door_knows_its_own_verify_token(
    web: Web, path: str, token: str, status: int
) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1"}

    answer = await web.client.get(path, params=query)

    assert answer.status_code == status


async def test_uses_of_each_secret_are_counted_with_the_last_time(web: Web, store: Store) -> None:
    for _ in range(3):
        await web.deliver(secret=SECRETS["shop"], path="/webhook/shop")
    await web.deliver(secret=SECRETS["clinic"], path="/webhook/shop")

    await until(lambda: bool(read_uses(store)))
    (used,) = read_uses(store).items()
    seconds, _ = store.run(lambda client: client.time())
    assert used[0] == UsedSecret("shop", IDS["shop"])
    assert used[1].times == 3
    assert abs(used[1].last_ms / 1000 - seconds) < 60


async def test_an_added_account_is_served_without_a_restart(
    web: Web, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spa = TestAccount("spa", ["4001"], "504", env={})
    for name, value in spa.variables.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "accounts.yaml").write_text(accounts_text([SHOP, CLINIC, DEFAULT, spa]))

    answer = await web.deliver(secret="secret of spa", path="/webhook/spa")
    with anyio.fail_after(120):
        while answer.status_code != 200:
            await anyio.sleep(0.1)
            answer = await web.deliver(secret="secret of spa", path="/webhook/spa")

    assert f"meta|{AppSecret.of(b'secret of spa').id}|spa" in {header for header, _ in kept(store)}


async def test_a_removed_account_has_no_address_until_it_comes_back(
    web: Web, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.yaml"
    whole = file.read_text()

    async def deliver_until(status: int) -> None:
        """Deliver to the clinic's address until it answers so."""
        answered = 0
        with anyio.fail_after(120):
            while answered != status:
                await anyio.sleep(0.1)
                answer = await web.deliver(secret=SECRETS["clinic"], path="/webhook/clinic")
                answered = answer.status_code

    file.write_text(accounts_text([SHOP, DEFAULT]))
    await deliver_until(404)
    before = len(kept(store))
    other = await web.deliver(secret=SECRETS["shop"], path="/webhook/shop")
    assert (other.status_code, len(kept(store))) == (200, before + 1)

    file.write_text(whole)
    await deliver_until(200)
