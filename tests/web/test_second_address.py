"""The second address: a listener of its own in the web process, with bounds on heads."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.web.api.server import http_protocol
from gateway.web.api.server.listener import listen

pytestmark = pytest.mark.anyio


async def show_size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def refuse(_: Request) -> Response:
    return PlainTextResponse("no", status_code=401)


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """Serve for the length of a test; give the port."""
    app = Starlette(
        routes=[Route("/size", show_size, methods=["POST"]), Route("/no", refuse, methods=["POST"])]
    )
    listening = socket.create_server(("127.0.0.1", 0))
    async with listen(app, listening):
        yield listening.getsockname()[1]


async def ask(data: bytes) -> bytes:
    """Send bytes, and return all that is answered until the connection is closed."""
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            async with asyncio.timeout(60):
                return await reader.read()
        finally:
            writer.close()


async def test_a_request_is_answered() -> None:
    answer = await ask(b"POST /size HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"3")


async def test_a_request_can_be_refused_before_its_body_comes() -> None:
    answer = await ask(
        b"POST /no HTTP/1.1\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /size HTTP/1.1\r\nx: " + b"a" * 40_000,
        b"GET /size HTTP/1.1\r\n" + b"x: y\r\n" * 120,
        b"BREW /size HTTP/1.1\r\n\r\n",
    ],
    ids=["bytes", "headers", "method"],
)
async def test_a_head_that_cannot_be_read_is_a_problem(head: bytes) -> None:
    answer = await ask(head)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/problem+json\r\n" in answer


@pytest.mark.parametrize("data", [b"", b"GET /size HT"], ids=["silent", "a part of a head"])
async def test_a_head_is_not_waited_for_long(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN_S", 0.05)

    assert await ask(data) == b""
