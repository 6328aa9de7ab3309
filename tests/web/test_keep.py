"""The keeper answers each delivery by its own fate, and outlives whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.store.body_codec import Bodies
from gateway.store.inbox.writer import InboxWriter
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server
from tests.support.web.web_app import kept

pytestmark = [pytest.mark.anyio, pytest.mark.store]

ONE, TWO = (delivery_body(message_item(f"wamid.{name}")) for name in ("one", "two"))


@pytest.fixture
async def keeper(server: Server, store: Store) -> AsyncIterator[InboxWriter]:
    """Its bell breaks each time it is rung, and it is not started yet."""

    def broken() -> None:
        raise RuntimeError("the bell is broken")

    client = connect_async(server.url)
    yield InboxWriter(client, Bodies(), broken)
    await client.aclose()


async def test_who_hangs_up_after_the_last_byte_is_kept_and_costs_nobody_the_answer(
    keeper: InboxWriter, store: Store
) -> None:
    impatient, patient = (asyncio.create_task(keeper.keep(body)) for body in (ONE, TWO))
    await asyncio.sleep(0)
    impatient.cancel()
    keeper.start()

    await patient
    await keeper.close()

    assert impatient.cancelled()
    assert [body for _, body in kept(store)] == [ONE, TWO]


async def test_a_batch_that_breaks_is_not_the_last(keeper: InboxWriter, store: Store) -> None:
    keeper.start()

    await keeper.keep(ONE)
    store.redis.delete("gw:bell")
    await keeper.keep(TWO)
    await keeper.close()

    assert [body for _, body in kept(store)] == [ONE, TWO]


async def test_an_end_keeps_what_waits_and_takes_nothing_more(
    keeper: InboxWriter, store: Store
) -> None:
    waiting = asyncio.create_task(keeper.keep(ONE))
    await asyncio.sleep(0)
    keeper.start()

    await keeper.close()
    await waiting

    with pytest.raises(StoreUnavailableError, match="closing"):
        await keeper.keep(TWO)
    assert [body for _, body in kept(store)] == [ONE]


async def test_more_than_memory_should_hold_is_refused(keeper: InboxWriter, store: Store) -> None:
    body = bytes(3 << 20)
    came = asyncio.gather(*(keeper.keep(body) for _ in range(30)), return_exceptions=True)
    await asyncio.sleep(0)
    keeper.start()

    answers = await came
    await keeper.close()

    assert answers[:22] == [None] * 22
    assert {str(refused) for refused in answers[22:]} == {"too much waits to be kept"}
    assert len(kept(store)) == 22


async def test_who_has_been_answered_makes_room(keeper: InboxWriter, store: Store) -> None:
    keeper.start()
    body = bytes(3 << 20)

    for _ in range(30):
        await keeper.keep(body)
    await keeper.close()

    assert len(kept(store)) == 30
