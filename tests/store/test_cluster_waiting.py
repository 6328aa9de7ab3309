"""On a Redis Cluster a request is woken whichever server has its send."""

import asyncio
from collections.abc import Iterator

import pytest

from gateway.core.sending.outcome import Outcome
from gateway.store import keys
from gateway.store.api.waiting import send_results
from gateway.store.api.waiting.send_results import SendResults
from gateway.store.redis.client import Store, connect_async
from gateway.store.sending.lanes import Lanes
from tests.support.redis_cluster import ClusterOf

pytestmark = [pytest.mark.store, pytest.mark.long, pytest.mark.anyio]
NUMBERS = [f"10000000000000{i}" for i in range(6)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOf]:
    made = ClusterOf(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


def accept(store: Store, number: str, waiter: str) -> None:
    send = [number.ljust(24, "x"), "351900000777", "reply", 0, 1 << 45, 0, "", ""]
    row = '{"rule":"","record":"","body":{}}'
    store.call("accept", keys.number(number), *send, row, "", "", 1, "", "", waiter)


def settle(store: Store, number: str) -> None:
    lanes = Lanes(store, number, 1_000)
    (attempt,) = lanes.pump([], 9).attempts
    lanes.pump([Outcome(attempt.send, 1, "accepted", f"wamid.{number}")], 0)


async def test_sends_of_every_server_wake_the_process_that_waits(
    cluster: ClusterOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_results, "LOOK_EVERY_S", 3_600)
    assert len({cluster.owner(keys.number(number)) for number in NUMBERS}) > 1
    store, client = Store(cluster.url), connect_async(cluster.url)
    results = SendResults(client)
    results.start()
    try:
        for number in NUMBERS:
            await asyncio.to_thread(accept, store, number, results.waiter)
        waiting = [
            asyncio.create_task(results.wait(number, number.ljust(24, "x"), 3_600, is_new=True))
            for number in NUMBERS
        ]
        for number in NUMBERS:
            await asyncio.to_thread(settle, store, number)
        told = await asyncio.wait_for(asyncio.gather(*waiting), 90)
    finally:
        await results.close()
        await client.aclose()
        store.close()

    assert [one.wamid for one in told] == [f"wamid.{number}" for number in NUMBERS]
