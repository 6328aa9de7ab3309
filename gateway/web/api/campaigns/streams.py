"""Streams of campaigns: server-sent events with a campaign and its funnel, whenever they change.

A campaign is read once for all streams of it, four times a second at most.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response

from gateway.core.campaigns.course import ENDED
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.campaigns.campaigns import read_campaign, server_ms
from gateway.store.campaigns.view import view_campaign
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.web.api.problems import ApiError

if TYPE_CHECKING:
    from sse_starlette import ServerSentEvent

MOST_STREAMS = 100
EVERY_S = 0.25
PING_S = 15
SEND_S = 10.0  # a client that does not read gives its place to another
RETRY_MS = 2_000
# A client connects again by itself, with its key: one that was revoked sees no more.
LASTS_S = 600.0


@dataclass(frozen=True, slots=True)
class CampaignState:
    """What a stream sends of a campaign, "" for nothing, and whether that is the last of it."""

    json: str
    is_over: bool = False


@dataclass(slots=True)
class _CampaignFeed:
    """The newest of a campaign, for all streams of it; nothing before it could be read."""

    newest: CampaignState | None = None
    read_at: float = float("-inf")
    readers: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class CampaignStreams:
    """The open streams of a process."""

    store: Store
    bodies: Bodies
    clock: Callable[[], float] = time.monotonic
    _feeds: dict[str, _CampaignFeed] = field(default_factory=dict)
    _open: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, id_: str) -> Response:
        """Return a stream of a campaign. Raises ApiError where there are too many."""
        # The process that serves webhooks only starts without it.
        from sse_starlette import EventSourceResponse  # noqa: PLC0415

        if self._open >= MOST_STREAMS or self._ended.is_set():
            detail = f"There are {MOST_STREAMS} streams open: read the campaign instead."
            raise ApiError("unavailable", detail, headers={"retry-after": "5"})
        # A proxy that collects what it passes on has to be told not to.
        headers = {"x-accel-buffering": "no"}
        return EventSourceResponse(
            self._events(id_), ping=PING_S, headers=headers, send_timeout=SEND_S
        )

    def end(self) -> None:
        """End all streams, and open no more."""
        self._ended.set()

    async def _events(self, id_: str) -> AsyncIterator["ServerSentEvent"]:
        from sse_starlette import ServerSentEvent  # noqa: PLC0415

        self._open += 1
        feed = self._feeds.setdefault(id_, _CampaignFeed())
        feed.readers += 1
        until, sent = self.clock() + LASTS_S, ""
        try:
            while not self._ended.is_set() and self.clock() < until:
                state = await self._read(feed, id_)
                if state and state.json not in ("", sent):
                    sent = state.json
                    yield ServerSentEvent(sent, event="campaign", retry=RETRY_MS)
                if state and state.is_over:
                    yield ServerSentEvent("{}", event="end")
                    return
                await self._rest()
        finally:
            self._open -= 1
            feed.readers -= 1
            if not feed.readers:
                self._feeds.pop(id_, None)

    async def _read(self, feed: _CampaignFeed, id_: str) -> CampaignState | None:
        """Return the newest of a campaign, which another stream may have read just now."""
        async with feed.lock:
            if self.clock() - feed.read_at >= EVERY_S:
                # Otherwise clients keep what they have, and the next look may find it.
                with contextlib.suppress(StoreUnavailableError, ScriptError, UnknownRecordError):
                    feed.newest = await asyncio.to_thread(self._read_store, id_)
                feed.read_at = self.clock()
            return feed.newest

    def _read_store(self, id_: str) -> CampaignState:
        campaign = read_campaign(self.store, self.bodies, id_)
        if campaign is None:  # forgotten since
            return CampaignState("", is_over=True)
        view = view_campaign(campaign, datetime_from_ms(server_ms(self.store)))
        text = orjson.dumps(view, option=orjson.OPT_UTC_Z).decode()
        return CampaignState(text, campaign.phase in ENDED and not campaign.funnel.pending)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._ended.wait()
