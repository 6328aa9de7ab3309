"""Listener of the second address: a server of its own inside the web process.

It shares nothing with the webhook's but the event loop, so its connections take none of the
webhook's room.
"""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from gateway.web.api.server.http_protocol import ApiHttpProtocol

MOST_CONNECTIONS = 256  # beyond them: 503
IDLE_S = 5  # between two requests of a connection
STOP_WITHIN_S = 5  # requests that are not answered by then are cut off


@asynccontextmanager
async def listen(
    app: ASGIApp, listening: socket.socket | None, answer_all: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Serve an application on a bound socket until the context ends; without a socket nowhere.

    `answer_all` lets requests that wait for something be answered at the end.
    """
    if listening is None:
        yield
        return
    config = uvicorn.Config(
        app,
        http=ApiHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield
    finally:
        answer_all()
        await server.shutdown(sockets=[listening])
