"""Live streams: server-sent events that replace parts of an open page, one stream for each tab.

A topic is read once for all streams that want it. A stream sends the newest of each topic, four
times a second at most; it ends with its sign-in, and when the process stops.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.console.users import ConsoleUser
from gateway.store.console.sign_ins import find_signed_in
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.page import PageError

if TYPE_CHECKING:
    from sse_starlette import ServerSentEvent

log = structlog.get_logger(__name__)

MOST_STREAMS = 100
MOST_TOPICS = 8  # of one stream
EVERY_S = 0.25  # between two messages of a stream
SIGN_IN_CHECKED_S = 10.0
PING_S = 15
SEND_S = 10.0  # a page that does not read gives its place to another
RETRY_MS = 2_000
# Deliveries are kept by the same process: what many feeds take of its time is limited to this share
# by reading each less often, though not below every ten seconds.
FEW_FEEDS, MOST_SHARE, MOST_REST_S = 4, 0.04, 10.0


@dataclass(frozen=True, slots=True)
class LiveReader:
    """Who reads a topic, and what of it: `name/rest` names a part of a topic."""

    desk: ConsoleDesk
    user: ConsoleUser
    sign_in: str
    rest: str = ""

    def may_see(self, number: str) -> bool:
        """Say whether the user may see one of our numbers."""
        return self.desk.may_see(self.user, number)


# Returns a fragment of HTML whose elements have the ids of those that they replace.
ReadTopic = Callable[[LiveReader], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class LiveTopic:
    """Something that pages may show live: how it is read, how often, and whether for each alone."""

    read: ReadTopic
    every_s: float = 1.0
    is_personal: bool = False  # what it shows depends on the sign-in


@dataclass(slots=True)
class _Feed:
    """The newest of a topic, read while any stream wants it."""

    newest: str = ""
    version: str = ""
    readers: int = 0
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class LiveStreams:
    """The address of the live streams."""

    desk: ConsoleDesk
    topics: Mapping[str, LiveTopic]
    _feeds: dict[tuple[str, ...], _Feed] = field(default_factory=dict)
    _open: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, request: Request, user: ConsoleUser, sign_in: str) -> Response:
        """Answer with a stream of the topics that the query names."""
        # The process that serves webhooks only starts without it.
        from sse_starlette import EventSourceResponse  # noqa: PLC0415

        if request.method == "HEAD":
            raise PageError(405, "A stream has to be read.", "Ask for it with GET.")
        names = dict.fromkeys(request.query_params.get("topics", "").split(","))
        if len(names) > MOST_TOPICS or not {_topic(one) for one in names} <= self.topics.keys():
            raise PageError(404, "There is no such topic.", f"Known: {', '.join(self.topics)}.")
        if self._open >= MOST_STREAMS or self._ended.is_set():
            raise PageError(503, "Too many pages are open.", "Close some tabs.")
        seen = request.headers.get("last-event-id", "")
        readers = {
            name: LiveReader(self.desk, user, sign_in, name.partition("/")[2]) for name in names
        }
        events = self._events(readers, sign_in, seen)
        # Without buffering, also in a proxy that has to be told so.
        headers = {"x-accel-buffering": "no", "x-content-type-options": "nosniff"}
        return EventSourceResponse(events, ping=PING_S, headers=headers, send_timeout=SEND_S)

    def end(self) -> None:
        """End all streams."""
        self._ended.set()

    async def _events(
        self, readers: Mapping[str, LiveReader], sign_in: str, seen: str
    ) -> AsyncIterator["ServerSentEvent"]:
        from sse_starlette import ServerSentEvent  # noqa: PLC0415

        self._open += 1
        feeds = [self._join(name, reader) for name, reader in readers.items()]
        try:
            checked_at = time.monotonic()
            while not self._ended.is_set():
                if time.monotonic() - checked_at > SIGN_IN_CHECKED_S:
                    if not await self._is_signed_in(sign_in):
                        return
                    checked_at = time.monotonic()
                version = " ".join(one.version for one in feeds)
                if version != seen and all(one.version for one in feeds):
                    seen = version
                    html = "\n".join(one.newest for one in feeds)
                    yield ServerSentEvent(html, id=version, retry=RETRY_MS)
                await self._rest(EVERY_S)
        finally:
            self._open -= 1
            for name in readers:
                self._leave(name, readers[name])

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            pass

    async def _is_signed_in(self, sign_in: str) -> bool:
        try:
            found = await self.desk.read(
                find_signed_in, self.desk.store, sign_in, datetime.now(UTC)
            )
        except (StoreUnavailableError, ScriptError):
            return True  # it is asked again, and meanwhile there is nothing new to show
        return found is not None

    def _join(self, name: str, reader: LiveReader) -> _Feed:
        feed = self._feeds.setdefault(self._key(name, reader), _Feed())
        feed.readers += 1
        if feed.task is None:
            feed.task = asyncio.create_task(self._follow(name, reader, feed))
        return feed

    def _leave(self, name: str, reader: LiveReader) -> None:
        key = self._key(name, reader)
        feed = self._feeds[key]
        feed.readers -= 1
        if not feed.readers and feed.task:
            feed.task.cancel()
            del self._feeds[key]

    def _key(self, name: str, reader: LiveReader) -> tuple[str, ...]:
        """Return what names a feed: only who sees the same of it may share it."""
        is_personal = self.topics[_topic(name)].is_personal
        return name, reader.sign_in if is_personal else "", *sorted(reader.user.accounts)

    async def _follow(self, name: str, reader: LiveReader, feed: _Feed) -> None:
        topic = self.topics[_topic(name)]
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                feed.newest = await topic.read(reader)
                feed.version = sha256(feed.newest.encode()).hexdigest()[:12]
            except (StoreUnavailableError, ScriptError, PageError):
                pass  # the page keeps what it shows, with its moment
            except Exception as error:  # one topic must not end the streams of others
                log.error("live_topic_failed", topic=_topic(name), error=type(error).__name__)
            took_s = time.monotonic() - began
            await self._rest(rest_of_feed(topic.every_s, took_s, len(self._feeds)))


def rest_of_feed(every_s: float, took_s: float, feeds: int) -> float:
    """Return after how many seconds a feed is read again, of so many that are read."""
    if feeds <= FEW_FEEDS:
        return every_s
    return max(every_s, min(MOST_REST_S, took_s * feeds / MOST_SHARE))


def _topic(name: str) -> str:
    """Return the topic of which a name may name a part."""
    return name.partition("/")[0]
