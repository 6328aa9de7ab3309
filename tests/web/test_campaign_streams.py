"""Streams of campaigns: the present state first, then what changes, until the end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.redis.client import Store
from gateway.web.api.campaigns import streams
from gateway.web.api.campaigns.streams import CampaignStreams
from gateway.web.api.problems import ApiError
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, a_campaign, read

pytestmark = [pytest.mark.store, pytest.mark.anyio]


async def events(open_streams: CampaignStreams, campaign: Campaign) -> AsyncGenerator[Any]:
    """Yield the events of a stream, each with its JSON."""
    response: Any = open_streams.open(campaign.id)
    async with aclosing(response.body_iterator) as iterator:
        async for event in iterator:
            yield event.event, orjson.loads(event.data)


@pytest.fixture
def open_streams(store: Store) -> CampaignStreams:
    return CampaignStreams(store, BODIES)


async def test_a_stream_says_what_changes_and_ends_with_the_campaign(
    open_streams: CampaignStreams, store: Store
) -> None:
    campaign = a_campaign(store, 2)
    phases = []
    async with aclosing(events(open_streams, campaign)) as stream:
        async for what, view in stream:
            phases.append(what if what == "end" else view["phase"])
            if phases == ["draft"]:
                control.start(store, campaign, "test", datetime.now(UTC))
            if phases[-1] == "running":
                assert view["funnel"]["waiting"] == 2
                control.cancel(store, read(store, campaign), "test", "enough")
    assert phases == ["draft", "running", "cancelled", "end"]
    assert not open_streams._feeds


async def test_a_stream_of_a_campaign_that_is_forgotten_just_ends(
    open_streams: CampaignStreams, store: Store
) -> None:
    campaign = a_campaign(store, 2)
    async with aclosing(events(open_streams, campaign)) as stream:
        assert (await anext(stream))[0] == "campaign"
        store.redis.delete(campaign_key(campaign.number, campaign.id))
        assert await anext(stream) == ("end", {})


async def test_many_streams_of_one_campaign_read_it_once(
    open_streams: CampaignStreams, store: Store
) -> None:
    campaign = a_campaign(store, 1)
    open_streams.clock = lambda: 0.0  # so nothing is read a second time
    store.redis.config_resetstat()

    opened = [events(open_streams, campaign) for _ in range(20)]
    first = await asyncio.gather(*(anext(one) for one in opened))

    stats: Any = store.redis.info("commandstats")
    assert (len(first), stats["cmdstat_hgetall"]["calls"]) == (20, 1)
    for one in opened:
        await one.aclose()


async def test_streams_are_bounded_and_end_when_they_are_told_to(
    open_streams: CampaignStreams, store: Store
) -> None:
    campaign = a_campaign(store, 1)
    opened = [events(open_streams, campaign) for _ in range(streams.MOST_STREAMS)]
    await asyncio.gather(*(anext(one) for one in opened))

    with pytest.raises(ApiError, match="unavailable"):
        open_streams.open(campaign.id)
    began = time.monotonic()
    open_streams.end()
    rest = await asyncio.gather(*(anext(one, None) for one in opened))

    assert set(rest) == {None}
    assert time.monotonic() - began < streams.PING_S
    with pytest.raises(ApiError):
        open_streams.open(campaign.id)


async def test_a_client_that_never_reads_gives_its_place_to_another(
    open_streams: CampaignStreams, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEND_S", 0.05)
    response: Any = open_streams.open(a_campaign(store, 1).id)
    never = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await never.wait()

    async with asyncio.timeout(60):
        with pytest.raises(TimeoutError):
            await response({"type": "http", "method": "GET"}, never.wait, send)

    assert (open_streams._open, open_streams._feeds) == (0, {})


async def test_a_store_that_is_away_for_a_moment_ends_no_stream(
    open_streams: CampaignStreams, store: Store, server: Server
) -> None:
    campaign = a_campaign(store, 1)
    stream = events(open_streams, campaign)
    _, before = await anext(stream)

    server.command("CLIENT", "KILL", "TYPE", "normal")
    control.start(store, campaign, "test", datetime.now(UTC))

    _, after = await anext(stream)
    assert (before["phase"], after["phase"]) == ("draft", "running")
    await stream.aclose()
