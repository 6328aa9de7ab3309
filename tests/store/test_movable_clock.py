"""The clock of a store that `gateway dev` made can be moved, and that of no other."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from gateway.config.redis_address import AddressError, parse
from gateway.store import keys
from gateway.store.dead_letters.dead_letters import server_time
from gateway.store.lua.scripts import CLOCK_TEXT, source
from gateway.store.redis.async_scripts import run_call
from gateway.store.redis.client import Call, Store, connect_async
from gateway.store.server.clock import (
    FixedClockError,
    clock_problem,
    let_clock_move,
    read_ahead_ms,
    set_ahead_ms,
)
from gateway.store.server.inspection import check_server
from tests.support.servers import Server

pytestmark = pytest.mark.store

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def movable(server: Server, store: Store) -> Iterator[Store]:
    """Open the tests' store as `gateway dev` opens its own."""
    with closing(Store(f"{server.url}?clock=movable")) as opened:
        let_clock_move(opened)
        yield opened


def script_ms(store: Store) -> int:
    return int(store.call("read_owner", keys.OWNER)[1])


def test_scripts_and_commands_go_by_the_moved_clock(store: Store, movable: Store) -> None:
    before = script_ms(store)
    set_ahead_ms(movable, DAY_MS)
    pipe = movable.redis.pipeline(transaction=False)
    pipe.time()
    piped = pipe.answers()[0][0] * 1000

    moments = [script_ms(movable), server_time(movable).timestamp() * 1000, piped + 999]
    assert all(DAY_MS <= one - before < DAY_MS + 60_000 for one in moments)
    assert script_ms(store) - before < 60_000
    assert read_ahead_ms(movable) == DAY_MS


def test_an_event_loop_goes_by_it_too_also_where_the_server_lost_its_scripts(
    server: Server, movable: Store
) -> None:
    set_ahead_ms(movable, DAY_MS)

    async def ask() -> tuple[int, int]:
        client = connect_async(f"{server.url}?clock=movable")
        try:
            await client.script_flush()
            (_, now_ms), now_s = (
                await run_call(client, Call("read_owner", keys.OWNER, ())),
                (await client.time())[0],
            )
            return int(now_ms), int(now_s)
        finally:
            await client.aclose()

    by_script, by_command = asyncio.run(ask())
    assert abs(by_script - by_command * 1000) < 60_000
    assert by_script - script_ms(movable) < 60_000


def test_deliveries_are_received_by_it_and_it_never_goes_back(
    server: Server, movable: Store
) -> None:
    set_ahead_ms(movable, DAY_MS)
    key = f"{keys.partition(0)}inbox"
    before = script_ms(movable)
    ids = [movable.call("keep", keys.partition(0), b"h", b"*", b"h", b"b")[0] for _ in range(2)]

    assert before <= int(ids[0].split(b"-")[0]) < before + 60_000
    entries: Any = movable.redis.xrange(key)
    assert [fields[b"b"] for _, fields in entries] == [b"*", b"b"] * 2
    with pytest.raises(FixedClockError, match="moves ahead only"):
        set_ahead_ms(movable, 0)


def test_every_script_reads_the_time_in_the_one_way_that_is_moved() -> None:
    text = source("read_owner")

    assert text.count(CLOCK_TEXT) == 1
    assert text.count("'TIME'") == 1


def test_other_stores_refuse(server: Server, store: Store, movable: Store) -> None:
    assert clock_problem(movable) == ""
    assert "gateway dev made this store" in check_server(store).fatal[0]

    store.redis.flushall()
    assert clock_problem(store) == ""
    assert "did not make this store" in check_server(movable).fatal[0]
    for opened in (store, movable):
        with pytest.raises(FixedClockError):
            set_ahead_ms(opened, DAY_MS)
    assert not store.redis.exists(keys.CLOCK)


@pytest.mark.parametrize(
    "url",
    [
        "redis-cluster://a:1,b:2?clock=movable",
        "redis-sentinel://a:1/name?clock=movable",
        "redis://a/0?clock=1",
    ],
)
def test_only_the_address_of_one_server_may_ask_for_it(url: str) -> None:
    with pytest.raises(AddressError):
        parse(url)


def test_kombu_and_redbeat_are_not_told_of_it() -> None:
    assert parse("redis://a:1/0?clock=movable").url == "redis://a:1/0"
