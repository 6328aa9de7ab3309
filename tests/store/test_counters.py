"""Figures are read from the store, over all numbers and partitions."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.sending.send import PRIORITIES
from gateway.store import keys, number_list
from gateway.store.monitoring.counters import Counters, Figures
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server, free_port
from tests.support.store.inbox_state import keep
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, a_send, queue

pytestmark = pytest.mark.store


def figures(url: str) -> Figures:
    async def read() -> Figures:
        client = connect_async(url)
        counters = Counters(client)
        await counters.add({"refused.unsigned": 2, "kept": 1})
        found = await counters.read()
        await client.aclose()
        return found

    return asyncio.run(read())


def test_figures_of_an_empty_store_are_nothing(store: Store, server: Server) -> None:
    found = figures(server.url)

    assert found.web == {"refused.unsigned": 2, "kept": 1}
    assert found.numbers == ()
    assert [found.lanes(one).ready for one in PRIORITIES] == [0, 0, 0]
    assert [one.waiting for one in found.partitions] == [0] * keys.PARTITIONS


def test_figures_cover_all_numbers_and_partitions(store: Store, server: Server) -> None:
    for name in (NUMBER, "other", ""):
        number_list.add_number(store, name)
        number_list.increment_counter(store, keys.number(name), "events.known", 2)
    queue(store, *(a_send(rank, priority=rank) for rank in PRIORITIES))
    raw(store).zadd(f"{PREFIX}ready:reply", {ANA: now_ms(store) - 9_000})
    raw(store).zadd(f"{keys.number('other')}dead", {"x": 1})
    keep(store, 3, "a", "b")

    found: Any = figures(server.url)

    assert found.counts["events.known"] == 6
    assert [found.lanes(one).ready for one in PRIORITIES] == [1, 1, 1]
    assert sum(one.dead for one in found.numbers) == 1
    assert 8 <= found.lanes("reply").overdue_s < 12
    assert (found.partitions[3].kept, found.partitions[3].waiting) == (2, 2)


def test_a_number_whose_keys_are_damaged_hides_no_other(store: Store, server: Server) -> None:
    for name in (NUMBER, "other"):
        number_list.add_number(store, name)
    raw(store).set(f"{PREFIX}stops", "of another type")
    raw(store).zadd(f"{keys.number('other')}dead", {"x": 1})

    found = figures(server.url)

    assert sum(one.dead for one in found.numbers) == 1
    assert [one.damaged.split(": ")[1][:9] for one in found.numbers if one.damaged] == ["WRONGTYPE"]


def test_figures_of_a_server_that_is_gone_are_not_made_up() -> None:
    with pytest.raises(StoreUnavailableError):
        figures(f"redis://127.0.0.1:{free_port()}/0")


def test_a_server_that_refuses_to_write_is_away_for_whoever_notes(own: Server) -> None:
    async def noting() -> None:
        client = connect_async(own.url)
        await client.config_set("min-replicas-to-write", 1)
        for noted in (Counters(client).alive(timedelta(0)), Counters(client).add({"kept": 1})):
            with pytest.raises(StoreUnavailableError):
                await noted
        await client.aclose()

    asyncio.run(noting())
