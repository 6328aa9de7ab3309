"""The whole page of figures, held to the byte but for what the clock decides."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.sending import canary
from gateway.core.sending.send import PRIORITIES
from gateway.store import keys
from gateway.store.monitoring.canary import record_arrival
from gateway.store.number_list import add_number, increment_counter
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.inbox_state import keep
from tests.support.store.sends import a_send, queue
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.anyio, pytest.mark.store]
GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.txt"
CLOCK = re.compile(r"^(gateway_(?:canary_age|oldest_\w+)_seconds\S* ).+$", re.MULTILINE)


def fill(store: Store) -> None:
    for name in (NUMBER, "other", "", canary.NUMBER):
        add_number(store, name)
        for counter in (
            "actions.empty",
            "events.known",
            "sends.accepted",
            "statuses.late",
            "dead.lost",
            "too_old.message",
            "notifications.dead",
            "forwards.delivered",
        ):
            increment_counter(store, keys.number(name), counter, 2)
    for counter in ("sweep.inbox", "workers.default", "refused.signature_missing"):
        increment_counter(store, keys.SPACE, counter, 3)
    queue(store, a_send("two", "351910000002"))
    queue(store, *(a_send(rank, priority=rank) for rank in PRIORITIES))
    store.redis.zadd(f"{keys.number('other')}ready:reply", {"ana": 1_000})
    store.redis.zadd(f"{keys.number('other')}dead", {"x": 1, "y": 2})
    store.redis.zadd(f"{keys.number('')}unconfirmed", {"z": 1})
    store.redis.zadd(f"{keys.number('other')}notifications", {"w": 1_000, "x": 2_000})
    store.redis.zadd(f"{keys.partition(5)}aside", {"1-0": 1})
    keep(store, 3, "a", "b")
    record_arrival(store, int(store.redis.time()[0]) * 1000, timedelta(seconds=0.25))


async def test_the_page_is_as_it_was(server: Server, store: Store) -> None:
    fill(store)

    async with a_web(server.url) as web:
        page = (await web.api.get("/metrics")).text

    assert CLOCK.sub(r"\1…", page) == GOLDEN.read_text()
