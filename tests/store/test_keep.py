"""Deliveries that wait together are kept together, and each is told what became of it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.writer import InboxWriter
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from tests.support.factories import NOW, delivery_body, message_item
from tests.support.servers import Server
from tests.support.store.inbox_state import inbox, read
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


def body(sender: int, text: str = "hi") -> bytes:
    item = message_item(f"wamid.{sender}", text, f"3519{sender:08}", int(NOW.timestamp()))
    return delivery_body(item)


def kept(store: Store) -> list[str]:
    with inbox(store).lease() as held:
        return read(held.next_batch())


class Rings:
    """Counts the bells; the first may break."""

    def __init__(self, *, broken: bool = False) -> None:
        self.count = 0
        self.broken = broken

    def __call__(self) -> None:
        self.count += 1
        if self.broken:
            raise RuntimeError("the bell is broken")


def keeping(
    url: str,
    act: Callable[[InboxWriter], Awaitable[Any]],
    ring: Rings | None = None,
    client: Any = None,
) -> Any:
    """Let `act` work with a keeper of its own, and return what it returns."""

    async def run() -> Any:
        real = connect_async(url)
        keeper = InboxWriter(client(real) if client else real, Bodies(), ring or Rings())
        keeper.start()
        try:
            return await act(keeper)
        finally:
            await keeper.close()
            await real.aclose()

    return asyncio.run(run())


async def all_of(keeper: InboxWriter, *bodies: bytes) -> list[Any]:
    return await asyncio.gather(*(keeper.keep(one) for one in bodies), return_exceptions=True)


def round_trips(store: Store) -> int:
    """Each round trip of the keeper sets the bell once, or tries to."""
    return int(raw(store).info("commandstats")["cmdstat_set"]["calls"])


def test_what_was_kept_is_in_the_inbox_with_its_secret(store: Store, server: Server) -> None:
    keeping(server.url, lambda keeper: keeper.keep(body(1), secret="1"))

    with inbox(store).lease() as held:
        (delivery,) = held.next_batch().deliveries
    assert (delivery.body, delivery.secret, delivery.origin) == (body(1), "1", "meta")


def test_two_hundred_at_once_are_kept_in_four_round_trips(store: Store, server: Server) -> None:
    raw(store).config_resetstat()

    answers = keeping(server.url, lambda keeper: all_of(keeper, *(body(i) for i in range(200))))

    assert answers == [None] * 200
    assert round_trips(store) <= 5
    assert sum(one.kept for one in inbox(store).partition_states()) == 200


def test_the_deliveries_of_a_contact_are_kept_in_their_order(store: Store, server: Server) -> None:
    bodies = [body(1, f"text {i}") for i in range(60)]

    keeping(server.url, lambda keeper: all_of(keeper, *bodies))

    assert kept(store) == [one.decode() for one in bodies]


def test_a_large_body_travels_alone(store: Store, server: Server) -> None:
    raw(store).config_resetstat()
    bodies = [body(i, os.urandom(300_000).hex()) for i in range(3)]

    assert keeping(server.url, lambda keeper: all_of(keeper, *bodies)) == [None] * 3

    assert round_trips(store) == 3


def test_somebody_who_leaves_is_kept_and_stops_nobody(store: Store, server: Server) -> None:
    async def leave(keeper: InboxWriter) -> None:
        impatient = asyncio.create_task(keeper.keep(body(1)))
        await asyncio.sleep(0)
        impatient.cancel()
        await keeper.keep(body(2))

    keeping(server.url, leave)

    assert sorted(kept(store)) == [body(1).decode(), body(2).decode()]


def test_a_server_that_is_gone_fails_all_who_wait_and_is_found_again(own: Server) -> None:
    async def act(keeper: InboxWriter) -> list[Any]:
        await keeper.keep(body(0))
        own.kill()
        failed = await all_of(keeper, *(body(i) for i in range(100)))
        await asyncio.to_thread(own.start)
        return failed + await all_of(keeper, body(0))

    *failed, found = keeping(own.url, act)

    assert {type(one) for one in failed} == {StoreUnavailableError}
    assert found is None


def test_a_full_server_keeps_nothing(own: Server) -> None:
    store = Store(own.url)
    raw(store).config_set("maxmemory", 1)

    (failed,) = keeping(own.url, lambda keeper: all_of(keeper, body(1)))

    assert isinstance(failed, StoreUnavailableError)
    assert raw(store).dbsize() == 0
    store.close()


def test_a_partition_that_refuses_fails_its_own_deliveries_only(
    store: Store, server: Server
) -> None:
    broken = partition_of(body(0))
    other = next(body(i) for i in range(99) if partition_of(body(i)) != broken)
    raw(store).set(f"{keys.partition(broken)}inbox", "of another type")

    failed, fine = keeping(server.url, lambda keeper: all_of(keeper, body(0), other))

    assert (type(failed), fine) == (StoreUnavailableError, None)


def test_a_server_that_forgot_the_script_keeps_each_delivery_once(
    store: Store, server: Server
) -> None:
    raw(store).script_flush()

    answers = keeping(server.url, lambda keeper: all_of(keeper, *(body(i) for i in range(20))))

    assert answers == [None] * 20
    assert sum(one.kept for one in inbox(store).partition_states()) == 20


def test_the_bell_is_rung_once_until_a_worker_cleared_it(store: Store, server: Server) -> None:
    rings = Rings()

    async def act(keeper: InboxWriter) -> None:
        await keeper.keep(body(1))
        await keeper.keep(body(2))
        inbox(store).clear_bell()
        await keeper.keep(body(3))

    keeping(server.url, act, rings)

    assert rings.count == 2


class Forgetful:
    """A client in whose server a worker clears the bell before a forgotten script is run."""

    replicas = 0

    def __init__(self, real: Any, store: Store) -> None:
        self._real = real
        self._store = store
        self._pipelines = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def pipeline(self, transaction: bool) -> Any:
        self._pipelines += 1
        if self._pipelines == 2:
            inbox(self._store).clear_bell()
        return self._real.pipeline(transaction)


def test_a_bell_that_is_cleared_before_the_script_is_run_is_rung_again(
    store: Store, server: Server
) -> None:
    rings = Rings()
    inbox(store).set_bell()
    raw(store).script_flush()

    keeping(server.url, lambda keeper: keeper.keep(body(1)), rings, lambda it: Forgetful(it, store))

    assert rings.count == 1


def test_a_broken_bell_does_not_end_the_keeper(store: Store, server: Server) -> None:
    async def act(keeper: InboxWriter) -> None:
        await keeper.keep(body(1))
        await keeper.keep(body(2))

    keeping(server.url, act, Rings(broken=True))

    assert len(kept(store)) == 2


def test_closing_keeps_what_still_waits(store: Store, server: Server) -> None:
    async def act(keeper: InboxWriter) -> list[Any]:
        waiting = asyncio.create_task(all_of(keeper, *(body(i) for i in range(100))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await keeper.close()
        return await waiting

    assert keeping(server.url, act) == [None] * 100


def test_a_keeper_that_is_closed_takes_nothing_more(server: Server) -> None:
    async def act(keeper: InboxWriter) -> None:
        await keeper.close()
        await keeper.keep(body(1))

    with pytest.raises(StoreUnavailableError, match="closing"):
        keeping(server.url, act)


class Swollen(Bodies):
    """Packs everything into four megabytes."""

    RECORD = bytes(4 * 1024 * 1024)

    def pack(self, body: bytes, kind: bytes = b"") -> bytes:
        return self.RECORD


def test_only_so_many_bytes_may_wait(server: Server) -> None:
    async def run() -> int:
        keeper = InboxWriter(connect_async(server.url), Swollen(), Rings())  # and never started
        waiting = [asyncio.create_task(keeper.keep(body(i))) for i in range(20)]
        await asyncio.sleep(0)
        await keeper.close()
        return sum(one.done() and bool(one.exception()) for one in waiting)

    assert asyncio.run(run()) == 3  # seventeen are a little more than 64 MB
