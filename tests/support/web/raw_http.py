"""HTTP by hand, for what no client library would ever send."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.stack import signed


@contextmanager
def a_line(port: int) -> Iterator[socket.socket]:
    """Open a connection that sends each piece at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=180) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield line


def head(body: bytes, *more: str, length: int | None = None) -> bytes:
    """Return the head of a signed delivery, whatever length it claims."""
    lines = ["POST /webhook HTTP/1.1", "Host: gateway", f"X-Hub-Signature-256: {signed(body)}"]
    if length != 0:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*lines, *more, "", ""]).encode()


def statuses(line: socket.socket, wanted: int) -> list[int]:
    """Read until so many answers have come, or the other side closes."""
    read = b""
    while len(found := re.findall(rb"HTTP/1\.1 (\d{3})", read)) < wanted:
        part = line.recv(65536)
        if not part:
            break
        read += part
    return [int(status) for status in found]
