"""The web application behind real sockets and our protocol, in the test's own process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn

from gateway.store import keys
from gateway.store.client import Store
from gateway.web.app import create_app
from gateway.web.limits import Bounds
from gateway.web.protocol import BoundedHttpProtocol
from tests.stack import signed
from tests.web.rig import BODY, NEW, settings

WITHIN_S = 20.0


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop run until something holds."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)


@dataclass
class Line:
    """One connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def all(self) -> bytes:
        """Read until the gateway closes."""
        async with asyncio.timeout(WITHIN_S):
            return await self.reader.read()

    async def status(self) -> int:
        """Read one answer that has no body."""
        async with asyncio.timeout(WITHIN_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])


@dataclass
class Socketed:
    """What a test does with it."""

    port: int
    server: uvicorn.Server
    lines: list[Line] = field(default_factory=list)

    async def open(self, data: bytes = b"") -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self.lines.append(line)
        await line.send(data)
        return line

    async def entered(self, number: int) -> None:
        """Wait until the gateway has so many connections."""
        await until(lambda: len(self.server.server_state.connections) == number)


@asynccontextmanager
async def socketed(url: str, bounds: Bounds) -> AsyncIterator[Socketed]:
    """Serve for the length of a test."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(settings(url), lambda: None, bounds),
        http=BoundedHttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await until(lambda: server.started)
    made = Socketed(listening.getsockname()[1], server)
    try:
        yield made
    finally:
        for line in made.lines:
            line.writer.close()
        server.should_exit = True
        await serving


def head(
    body: bytes = BODY, *more: str, path: str = "/webhook", length: int | None = None
) -> bytes:
    """Return the head of a signed delivery, whatever length it claims."""
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", f"X-Hub-Signature-256: {signed(body, NEW)}"]
    if length != 0:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*lines, *more, "", ""]).encode()


def all_statuses(answers: bytes) -> list[int]:
    """Return the status of each answer."""
    return [int(answer[1:4]) for answer in answers.split(b"HTTP/1.1")[1:]]


def counted(store: Store) -> dict[str, int]:
    """Return what was refused, by reason, as it is written once a second or at the end."""
    return {
        name.decode().removeprefix("refused."): int(count)
        for name, count in store.redis.hgetall(keys.WEB_COUNT).items()
    }


def is_whole(store: Store) -> bool:
    """Say whether the stream of statuses never had a gap."""
    return store.redis.hget(keys.STREAM, "whole") is None
