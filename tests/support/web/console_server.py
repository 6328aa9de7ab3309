"""The second address on a real socket, in a thread of the test's own process, for a browser."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from gateway.web.app import create_app
from tests.support.servers import wait_until
from tests.support.web.web_app import settings


@dataclass
class ConsoleServer:
    """Where the console is, and the server that is told to stop."""

    url: str
    server: uvicorn.Server
    thread: threading.Thread


@contextmanager
def serving_console(redis_url: str, **env: str) -> Iterator[ConsoleServer]:
    """Serve for the length of a test."""
    second = socket.create_server(("127.0.0.1", 0))
    first = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(settings(redis_url, **env), lambda: None, second_socket=second),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [first]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the console serves")
    try:
        yield ConsoleServer(f"http://127.0.0.1:{second.getsockname()[1]}", server, thread)
    finally:
        server.should_exit = True
        thread.join(180)
        first.close()
