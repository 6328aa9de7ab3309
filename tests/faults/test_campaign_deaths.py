"""Campaigns while senders and the server are killed: each recipient once, or in doubt."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import redis

from gateway.core.campaigns.recipient_state import CELLS, count_cells
from tests.support.faults.dying_stack import HaltedStack
from tests.support.faults.ledger import PREFIX
from tests.support.servers import Server, wait_until
from tests.support.store.campaigns import csv_of, phone

pytestmark = [pytest.mark.faults, pytest.mark.long]
KEY = "a-key-of-the-environment"
CAMPAIGNS, EACH = 5, 200
PENDING = ("waiting", "queued", "attempting")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaltedStack]:
    folder = tmp_path_factory.mktemp("campaigns")
    server = Server(folder / "valkey").start()
    made = HaltedStack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)
    made.start("sandbox", "web", "inbound", "outbound#1", "outbound#2", "beat")
    yield made
    made.stop()
    server.kill()


def start(stack: HaltedStack, number: int) -> str:
    """Start a campaign to people of its own."""
    headers = {"authorization": f"Bearer {KEY}"}
    definition = {
        "name": f"spring {number}",
        "template": {"name": "spring", "language": "en", "params": ["{{ first }}"]},
        "pace": 10,
        "first": {"size": 0},
        "stop": {"unconfirmed": 100},
    }
    with httpx.Client(base_url=f"{stack.api}/v1", headers=headers, timeout=30) as api:
        id_ = str(api.post("/campaigns", json=definition).raise_for_status().json()["id"])
        content, kind = csv_of(EACH, number * EACH), {"content-type": "text/csv"}
        api.put(f"/campaigns/{id_}/audience", content=content, headers=kind).raise_for_status()
        for verb in ("check", "start"):
            api.post(f"/campaigns/{id_}/{verb}").raise_for_status()
    return id_


def look(client: Any, id_: str) -> tuple[str, Counter[str], Counter[str]]:
    """Return a campaign's phase, its funnel, and its recipients as they are, of one moment."""
    key = f"{PREFIX}campaign:{id_}"
    pipe = client.pipeline(transaction=True)
    pipe.hgetall(key)
    pipe.get(f"{key}:recipients")
    row, packed = pipe.execute()
    funnel = Counter({cell: int(row.get(f"cell:{cell}".encode(), 0)) for cell in CELLS})
    return row[b"phase"].decode(), funnel, Counter(count_cells(packed))


@contextmanager
def sampled(stack: HaltedStack, ids: list[str]) -> Iterator[list[tuple[Counter[str], ...]]]:
    """Compare funnels with recipients all the while; yield where they differ."""
    wrong: list[tuple[Counter[str], ...]] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.05):
            try:
                with redis.Redis.from_url(stack.server.url) as client:
                    found = [look(client, one)[1:] for one in ids]
            except redis.RedisError:  # the server is killed meanwhile
                continue
            wrong.extend(pair for pair in found if pair[0] != pair[1] or pair[0].total() != EACH)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(sample)
        try:
            yield wrong
        finally:
            over.set()
        done.result()


def phases(stack: HaltedStack, ids: list[str]) -> set[str]:
    with redis.Redis.from_url(stack.server.url) as client:
        return {look(client, one)[0] for one in ids}


def test_five_campaigns_go_on_when_senders_and_the_server_are_killed(stack: HaltedStack) -> None:
    stack.ask("outbound", "expand_campaign.before")
    ids = [start(stack, number) for number in range(CAMPAIGNS)]
    with sampled(stack, ids) as wrong:
        stack.bury("outbound", "expand_campaign.before")
        for step in ("expand_campaign.after", "post.before", "post.after"):
            stack.ask("outbound", step)
            stack.bury("outbound", step)
        stack.server.kill()
        stack.server.start()
        wait_until(lambda: phases(stack, ids) == {"completed"}, "all are complete", 60)

    assert wrong == []
    assert_each_once_or_in_doubt(stack, ids)


def assert_each_once_or_in_doubt(stack: HaltedStack, ids: list[str]) -> None:
    posts = Counter(one["to"].removeprefix("+") for one in stack.posted())
    assert set(posts) <= {phone(i) for i in range(CAMPAIGNS * EACH)}
    assert set(posts.values()) == {1}
    with redis.Redis.from_url(stack.server.url) as client:
        funnels = [look(client, one)[1] for one in ids]
    cells = sum(funnels, Counter())
    assert not any(cells[cell] for cell in (*PENDING, "failed", "expired", "cancelled"))
    missing = CAMPAIGNS * EACH - len(posts)
    # What a sender had in hand when it died: Meta may have had it, or not.
    assert missing <= cells["unconfirmed"]
