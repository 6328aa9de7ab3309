"""Commands that write leave the store of another installation alone, until it is adopted."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.local import startup
from gateway.cli.local.environment import NUMBER, prepare
from gateway.cli.main import app
from gateway.core.storage.ownership import Installation, StoreOwner
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.server.ownership import claim_store, read_owner
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
PRODUCTION, MINE = Installation("shop-production", "999"), Installation("", "1")


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)


def run(*args: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(args), input=answer)


def owner_of(store: Store) -> StoreOwner:
    owner = read_owner(store).owner
    assert owner is not None
    return owner


@pytest.mark.parametrize(
    "command",
    [
        "hold --yes", "release", "contacts unmute 999 +351900000001",
        "dead-letters redrive --all --yes", "dead-letters drop --all --yes",
        "migrate", "serve", "worker", "replay apply deliveries.json --yes --again",
    ],
)  # fmt: skip
def test_a_command_that_writes_refuses_the_store_of_another(store: Store, command: str) -> None:
    Path("deliveries.json").write_text(
        '{"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": '
        '"messages", "value": {"messaging_product": "whatsapp"}}]}]}'
    )
    claim_store(store, PRODUCTION)
    before = set(raw(store).keys("*"))

    result = run(*command.split())

    assert result.exit_code == 2
    assert "belongs to another installation (shop-production, number 999)" in result.stderr
    assert set(raw(store).keys("*")) == before


def test_a_command_that_only_reads_does_not_ask_whose_the_store_is(store: Store) -> None:
    claim_store(store, PRODUCTION)

    assert run("dead-letters", "list").exit_code == 0


def test_a_store_is_adopted_once_the_operator_agrees(store: Store) -> None:
    claim_store(store, PRODUCTION)

    result = run("adopt", answer="y\n")

    assert "Take the store over from shop-production, number 999 for number 1?" in result.stderr
    assert owner_of(store).installation == MINE


def test_a_store_is_left_to_its_owner_if_the_operator_does_not(store: Store) -> None:
    claim_store(store, PRODUCTION)

    assert run("adopt", answer="n\n").exit_code == 1
    assert owner_of(store).installation == PRODUCTION


def test_a_store_of_our_own_needs_no_adoption(store: Store) -> None:
    claim_store(store, MINE)
    before = raw(store).hgetall(keys.OWNER)

    assert "belongs to this installation already" in run("adopt").stdout
    assert raw(store).hgetall(keys.OWNER) == before


def test_dev_adopts_what_an_earlier_run_left_in_its_folder(store: Store, server: Server) -> None:
    claim_store(store, PRODUCTION)
    setup = prepare({"REDIS_URL": server.url}, 8000, real=False)

    startup.adopt_own_store(setup)

    assert owner_of(store).installation.number == NUMBER
