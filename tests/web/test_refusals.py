"""Refused requests are counted by reason, and written as sums beside the requests."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.store import keys
from gateway.store.monitoring.counters import Figures
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.web.metrics import _counters
from gateway.web.refusals import REASONS, Refusals
from gateway.web.request_limits import MOST_BODY_BYTES
from tests.support.servers import Server, wait_until
from tests.support.web.web_app import BODY, HEADER, a_web, nowhere

pytestmark = pytest.mark.anyio


class Counts:
    """Where the sums go: away for as many times as told."""

    def __init__(self, away: int = 0) -> None:
        self.written: list[dict[str, int]] = []
        self.away = away

    async def add(self, counts: dict[str, int]) -> None:
        if self.away:
            self.away -= 1
            raise StoreUnavailableError("away")
        self.written.append(counts)


async def test_a_flood_of_rubbish_is_one_write() -> None:
    counts = Counts()
    refusals = Refusals(counts)
    for _ in range(1000):
        refusals.add("signature_missing")
    refusals.add("too_large")

    await refusals.flush()

    assert counts.written == [{"refused.signature_missing": 1000, "refused.too_large": 1}]


async def test_nothing_refused_is_nothing_written() -> None:
    counts = Counts()

    await Refusals(counts).flush()

    assert counts.written == []


async def test_what_was_counted_while_the_store_was_away_is_written_later() -> None:
    counts = Counts(away=1)
    refusals = Refusals(counts)
    refusals.add("store")
    await refusals.flush()
    refusals.add("store")

    await refusals.flush()

    assert counts.written == [{"refused.store": 2}]


@pytest.mark.store
async def test_every_reason_is_counted_by_its_name(server: Server, store: Store) -> None:
    async with a_web(server.url) as web:
        await web.post(BODY)
        await web.post(BODY, (HEADER.encode(), b"sha256=1"))
        await web.deliver(secret="a stranger's")
        await web.deliver(secret="another stranger's")
        await web.deliver(b"x" * (MOST_BODY_BYTES + 1))
        await web.client.get("/webhook?hub.mode=subscribe&hub.verify_token=guess")

    assert store.redis.hgetall(keys.WEB_COUNT) == {
        b"refused.signature_missing": b"1",
        b"refused.signature_malformed": b"1",
        b"refused.signature_mismatch": b"2",
        b"refused.too_large": b"1",
        b"refused.handshake": b"1",
    }


async def test_every_reason_is_explained_and_shown_before_its_first() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+|–) \| (yes|no) \|", page, re.M)
    shown = {
        sample.labels["reason"]: sample.value
        for family in _counters(Figures({}, (), []))
        for sample in family.samples
        if family.name == "gateway_deliveries_refused"
    }

    assert {reason: gap for reason, _, gap in rows} == {
        reason: "yes" if told.gap else "no" for reason, told in REASONS.items()
    }
    assert shown == dict.fromkeys(REASONS, 0)


@pytest.mark.store
async def test_counts_are_written_without_waiting_for_the_end(server: Server, store: Store) -> None:
    def written() -> bool:
        return bool(store.redis.hgetall(keys.WEB_COUNT))

    async with a_web(server.url) as web:
        await web.post(BODY)
        await asyncio.to_thread(wait_until, written, "the sum is written")


async def test_figures_that_cannot_be_shown_are_no_refused_delivery() -> None:
    async with a_web(nowhere()) as web:
        answers = [await web.api.get("/metrics"), await web.api.get("/metrics")]
        page = await web.api.get("/readyz")

    assert [(answer.status_code, answer.content) for answer in answers] == [(503, b"")] * 2
    assert page.status_code == 503
