"""The web application behind real sockets and our protocol, in the test's own process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.web.app import create_app
from gateway.web.connections import Phase
from gateway.web.http_protocol import BoundedHttpProtocol
from gateway.web.request_limits import Bounds
from tests.support.stack import signed
from tests.support.web.web_app import BODY, NEW, settings

WITHIN_S = 90.0


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
        """Read until the gateway closes, or resets what was still sent to it."""
        read = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(WITHIN_S):
                while part := await self.reader.read(65_536):
                    read += part
        return read

    async def status(self) -> int:
        """Read one answer that has no body."""
        async with asyncio.timeout(WITHIN_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])


@dataclass
class RealWeb:
    """What a test does with it."""

    port: int
    server: uvicorn.Server
    stays: bool = False  # the clients, while the server stops
    lines: list[Line] = field(default_factory=list)

    async def open(self, data: bytes = b"") -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self.lines.append(line)
        await line.send(data)
        return line

    async def close(self) -> None:
        for line in self.lines:
            line.writer.close()
            with suppress(OSError):
                await line.writer.wait_closed()

    async def entered(self, number: int, *phases: Phase) -> None:
        """Wait until the gateway has so many connections, in any phase unless some are given."""
        connections: Any = self.server.server_state.connections

        def holds() -> bool:
            return sum(one.phase in (phases or Phase) for one in connections) == number

        await until(holds)


@asynccontextmanager
async def serving(url: str, bounds: Bounds, **env: str) -> AsyncIterator[RealWeb]:
    """Serve for the length of a test."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(settings(url, **env), lambda: None, bounds),
        http=BoundedHttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await until(lambda: server.started)
    made = RealWeb(listening.getsockname()[1], server)
    try:
        yield made
    finally:
        server.should_exit = True
        if not made.stays:
            await made.close()
        await serving
        await made.close()


def head(
    body: bytes = BODY,
    *more: str,
    path: str = "/webhook",
    length: int | None = None,
    secret: str = NEW,
) -> bytes:
    """Return the head of a signed delivery, whatever length it claims."""
    signature = signed(body, secret)
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", f"X-Hub-Signature-256: {signature}"]
    if length != 0:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*lines, *more, "", ""]).encode()


def all_statuses(answers: bytes) -> list[int]:
    """Return the status of each answer."""
    return [int(answer[1:4]) for answer in answers.split(b"HTTP/1.1")[1:]]


def counted(store: Store) -> dict[str, int]:
    """Return what was refused, by reason, as it is written once a second or at the end."""
    counts: Any = store.redis.hgetall(keys.WEB_COUNT)
    return {name.decode().removeprefix("refused."): int(count) for name, count in counts.items()}


def is_whole(store: Store) -> bool:
    """Say whether the stream of statuses never had a gap."""
    return store.redis.hget(keys.STATUS_STREAM, "whole") is None
