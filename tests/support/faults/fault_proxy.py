"""A relay for TCP between two processes, which a test tells to delay, to cut or to freeze."""

import asyncio
import contextlib
import random
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CHUNK = 1 << 20
MOST_ON_THE_WAY = 64  # parts of so many bytes at most
FROZEN_LOOK_S = 0.02


@dataclass(frozen=True)
class Fault:
    """What a relay does to requests; `before` and `after` are shares of them."""

    before: float = 0.0  # the connection is cut, and the request is not passed on
    after: float = 0.0  # the request is passed on and answered, and the answer is dropped
    delay_s: float = 0.0  # for every byte on each way; as many may be on the way as want to
    frozen: bool = False  # nothing moves in either direction, and nothing is closed


SOUND = Fault()


class Relay:
    """Listens on a port of its own; `fault` may be changed at any time, from any thread."""

    def __init__(self, port: int, seed: int = 1, tls: ssl.SSLContext | None = None) -> None:
        self.fault = SOUND
        self.seen: Counter[str] = Counter()
        self._target = port
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._swallowed = asyncio.Event()
        self._open: set[asyncio.Event] = set()  # one for each connection that is passed on
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")
        self._thread.start()

    def swallow(self) -> None:
        """Forget every connection of this moment and close none: what comes on it is lost."""
        asyncio.run_coroutine_threadsafe(self._swallow(), self._loop).result(180)

    async def _swallow(self) -> None:
        swallowed, self._swallowed = self._swallowed, asyncio.Event()
        swallowed.set()
        open_now = set(self._open)
        while open_now & self._open:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def close(self) -> None:
        """Cut every connection, and end."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(180)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            # An end that is killed resets its connections, which is what this is here for.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._joined(client, answers)
        finally:
            answers.transport.abort()
            self._connections.discard(task)

    async def _joined(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection("127.0.0.1", self._target)
        dropping = asyncio.Event()  # the answer to come is the one to drop
        swallowed = self._swallowed
        ways = [
            asyncio.ensure_future(self._there(client, requests, dropping)),
            asyncio.ensure_future(self._back(server, answers, dropping)),
            asyncio.ensure_future(swallowed.wait()),
        ]
        self._open.add(dropping)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if swallowed.is_set():
                for way in ways:
                    way.cancel()
                self.seen["swallowed"] += 1
                self._open.discard(dropping)
                await asyncio.Event().wait()  # nothing moves, and nothing is closed until the end
        finally:
            self._open.discard(dropping)
            for way in ways:
                way.cancel()
            requests.transport.abort()  # before the wait, in which this may be cancelled once more
            await asyncio.gather(*ways, return_exceptions=True)

    async def _there(
        self, client: asyncio.StreamReader, requests: asyncio.StreamWriter, dropping: asyncio.Event
    ) -> None:
        async for chunk in self._late(client):
            if self._happens("before", self.fault.before):
                return
            if not dropping.is_set() and self._happens("after", self.fault.after):
                dropping.set()
            requests.write(chunk)
            await requests.drain()

    async def _back(
        self, server: asyncio.StreamReader, answers: asyncio.StreamWriter, dropping: asyncio.Event
    ) -> None:
        async for chunk in self._late(server):
            if dropping.is_set():
                self.seen["dropped"] += 1
                return
            answers.write(chunk)
            await answers.drain()

    async def _late(self, source: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """Give what is read, each part late by the delay; reading goes on meanwhile."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_ON_THE_WAY)
        reading = asyncio.ensure_future(self._read(source, on_the_way))
        try:
            while True:
                due, chunk = await on_the_way.get()
                if (left := due - self._loop.time()) > 0:
                    await asyncio.sleep(left)
                await self._held_up()
                if not chunk:
                    return
                yield chunk
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(
        self, source: asyncio.StreamReader, into: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = await source.read(CHUNK)
            except OSError:
                chunk = b""  # an end that was killed: what it had sent before still arrives
            await into.put((self._loop.time() + self.fault.delay_s, chunk))

    async def _held_up(self) -> None:
        self.seen["frozen"] += self.fault.frozen
        while self.fault.frozen:  # noqa: ASYNC110
            await asyncio.sleep(FROZEN_LOOK_S)  # The fault is set by another thread.

    def _happens(self, what: str, share: float) -> bool:
        found = self._dice.random() < share
        self.seen[what] += found
        return found


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Relay to a port of this machine for the length of a test."""
    made = Relay(port)
    try:
        yield made
    finally:
        made.close()
