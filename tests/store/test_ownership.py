"""A store has one owner: it is claimed at the first start, refused to strangers, and watched."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest

from gateway.core.storage.ownership import EMPTIED_FOR_MS, Installation
from gateway.store import keys
from gateway.store.maintenance.migration import Migration
from gateway.store.redis.client import Store, connect_async
from gateway.store.server.health import LAYOUT_BEFORE, HealthMonitor, ServerHealth
from gateway.store.server.inspection import check_server
from gateway.store.server.ownership import (
    FIELD,
    OwnerMonitor,
    adopt_store,
    claim_store,
    find_emptied,
    find_stranger,
    read_owner,
)
from tests.support.servers import Server
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
SHOP = Installation("shop-production", "100")
DRAFT = Installation("shop-draft", "200")
NAMELESS = Installation("", "100")


def write_owner(store: Store, **fields: object) -> None:
    stored = orjson.dumps({"id": "id", "name": SHOP.name, "number": "100", **fields})
    raw(store).hset(keys.OWNER, FIELD, stored)


def looks(
    server: Server, store: Store, between: Sequence[str], mine: Installation = SHOP
) -> list[ServerHealth]:
    """Look as a web process does, before and after each command that another client sends."""

    async def look() -> list[ServerHealth]:
        client = connect_async(server.url)
        monitor = HealthMonitor(client, 0, judge_owner=OwnerMonitor(client, mine).judge)
        found = [await monitor.refresh()]
        for command in between:
            raw(store).execute_command(*command.split())
            found.append(await monitor.refresh())
        await client.aclose()
        return found

    return asyncio.run(look())


def emptied_at(store: Store) -> int:
    owner = read_owner(store).owner
    assert owner is not None
    return owner.emptied_ms


def test_the_first_process_owns_the_store(store: Store) -> None:
    health = check_server(store, mine=SHOP)

    owner = read_owner(store).owner
    assert owner is not None
    assert (health.fatal, health.warnings, health.owner_id) == ((), (), owner.id)
    assert (owner.installation, owner.needs, owner.emptied_ms) == (SHOP, keys.FORMAT, 0)


def test_a_store_of_an_older_release_gets_an_owner_and_was_not_emptied(store: Store) -> None:
    check_server(store)

    assert not check_server(store, mine=SHOP).fatal
    assert emptied_at(store) == 0


def test_a_second_start_changes_nothing(store: Store) -> None:
    check_server(store, mine=SHOP)
    before = raw(store).hgetall(keys.OWNER)

    check_server(store, mine=SHOP)

    assert raw(store).hgetall(keys.OWNER) == before


@pytest.mark.parametrize("owner", [SHOP, NAMELESS], ids=["named", "nameless"])
def test_a_stranger_is_refused_and_changes_nothing(store: Store, owner: Installation) -> None:
    check_server(store, mine=owner)
    before = raw(store).hgetall(keys.OWNER)

    (sentence,) = check_server(store, mine=DRAFT).fatal

    assert "belongs to another installation" in sentence
    assert raw(store).hgetall(keys.OWNER) == before


def test_a_store_of_another_layout_is_not_claimed(store: Store) -> None:
    raw(store).set(keys.LAYOUT_KEY, LAYOUT_BEFORE)

    check_server(store, mine=SHOP)

    assert read_owner(store).owner is None


def test_a_release_that_knows_less_than_the_store_needs_is_refused(store: Store) -> None:
    write_owner(store, needs=keys.FORMAT + 1)

    (sentence,) = check_server(store, mine=SHOP).fatal

    assert "Start the newer release" in sentence


def test_a_running_web_process_of_an_older_release_goes_on(store: Store, server: Server) -> None:
    write_owner(store, needs=keys.FORMAT + 1)

    (health,) = looks(server, store, ())

    assert health.is_ready


def test_an_older_store_needs_more_once_this_release_has_started(store: Store) -> None:
    write_owner(store)

    check_server(store, mine=SHOP)

    owner = read_owner(store).owner
    assert owner is not None
    assert owner.needs == keys.FORMAT


def test_a_store_that_is_adopted_keeps_its_id_and_refuses_its_former_owner(store: Store) -> None:
    claimed = claim_store(store, SHOP).owner
    assert claimed is not None

    assert adopt_store(store, DRAFT) == replace(claimed, installation=DRAFT)

    assert (find_stranger(store, DRAFT), bool(find_stranger(store, SHOP))) == ("", True)


def test_a_look_for_strangers_claims_nothing(store: Store) -> None:
    assert find_stranger(store, SHOP) == ""
    assert not raw(store).exists(keys.OWNER)


def test_a_web_process_warns_of_a_store_that_was_emptied_and_keeps_deliveries(
    store: Store, server: Server
) -> None:
    check_server(store, mine=SHOP)

    first, second, third = looks(server, store, ["FLUSHDB", "PING"])

    assert (first.warnings, first.is_ready) == ((), True)
    for one in (second, third):
        assert "was emptied" in " ".join(one.warnings)
        assert one.is_ready


def test_it_is_seen_though_another_process_has_started_since(store: Store, server: Server) -> None:
    claim_store(store, SHOP)

    async def look() -> None:
        client = connect_async(server.url)
        monitor = OwnerMonitor(client, SHOP)
        await monitor.judge(ServerHealth())
        raw(store).flushdb()
        claim_store(store, SHOP)
        await monitor.judge(ServerHealth())
        await client.aclose()

    asyncio.run(look())
    assert emptied_at(store) > 0


def test_a_store_that_is_empty_at_the_first_look_raises_no_alarm(
    store: Store, server: Server
) -> None:
    first, second = looks(server, store, ["PING"])

    assert (first.warnings, second.warnings, emptied_at(store)) == ((), (), 0)


def test_a_migration_raises_no_alarm(store: Store, server: Server) -> None:
    raw(store).set(keys.LAYOUT_KEY, LAYOUT_BEFORE)

    for _ in Migration(store).run(0):
        pass

    assert not check_server(store, mine=SHOP).warnings
    (health,) = looks(server, store, ())
    assert health.warnings == ()


def test_a_running_web_process_refuses_a_store_that_another_adopted(
    store: Store, server: Server
) -> None:
    adopt_store(store, DRAFT)

    (health,) = looks(server, store, ())

    assert not health.is_ready


def test_an_emptied_store_is_a_problem_until_a_day_later(store: Store) -> None:
    owner = claim_store(store, SHOP, {"another"}).owner
    assert owner is not None

    problem = find_emptied(owner, owner.emptied_ms + EMPTIED_FOR_MS - 1)

    assert problem is not None
    assert "Restore the backup" in problem.advice
    assert find_emptied(owner, owner.emptied_ms + EMPTIED_FOR_MS) is None
