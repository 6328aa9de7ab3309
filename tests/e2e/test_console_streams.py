"""Live streams of the console: read once for all tabs, and gone at once when the process stops."""

import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.console.sign_ins import LIFETIME, SignIn, hash_token
from gateway.store.console.sign_ins import add_sign_in
from gateway.store.redis.client import Store
from gateway.web.api.server.listener import STOP_WITHIN_S
from tests.support.servers import Server
from tests.support.stack import Stack
from tests.support.web.console_client import know_user

pytestmark = pytest.mark.e2e
STREAMS = 50


def open_stream(port: int) -> socket.socket:
    """Open a stream, and wait for its first event."""
    line = socket.create_connection(("127.0.0.1", port), timeout=180)
    line.sendall(
        b"GET /console/live?topics=overview HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Cookie: gateway-console=token\r\nAccept: text/event-stream\r\n\r\n"
    )
    read = b""
    while b"data: " not in read:
        read += (part := line.recv(65_536))
        assert part, read
    assert read.startswith(b"HTTP/1.1 200")
    return line


def test_fifty_open_streams_do_not_keep_the_process_from_stopping(
    tmp_path: Path, server: Server, store: Store
) -> None:
    user, now = know_user(store, "look"), datetime.now(UTC)
    add_sign_in(store, SignIn(hash_token("token"), user.name, user.id, now, now + LIFETIME))
    stack = Stack(tmp_path, server).start("web")
    try:
        streams = [open_stream(stack.api_port) for _ in range(STREAMS)]
        web = stack.programs["web"]
        web.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        for line in streams:
            with line:
                while line.recv(65_536):
                    pass
        ended_s = time.monotonic() - began
        assert web.process.wait(180) == 0, web.said()
        stopped_s = time.monotonic() - began
    finally:
        stack.stop()

    assert ended_s < STOP_WITHIN_S, (ended_s, stopped_s)
