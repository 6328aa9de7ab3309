"""Bare servers on real sockets, since what a library's server refuses to do is what is tested."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"

Talk = Callable[[socket.socket], object]
Serve = Callable[[Talk], str]


def request_on(connection: socket.socket) -> bytes:
    """Read one whole request; empty once the client has gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += (chunk := connection.recv(65536))
        if not chunk:
            return b""
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length and (chunk := connection.recv(65536)):
        body += chunk
    return head + b"\r\n\r\n" + body


def saying(reply: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(reply)

    return talk


def dripping(start: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(start)
        while True:  # until the client has gone
            connection.sendall(b"x")
            time.sleep(0.02)

    return talk


@contextlib.contextmanager
def serving() -> Iterator[Serve]:
    """Give a function that lets `talk` have every connection, and returns the server's address."""
    # Not every system lets a listening socket be shut down.
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:

        def start(talk: Talk) -> str:
            listener = socket.create_server(("127.0.0.1", 0))
            stack.callback(listener.close)
            # A blocked accept() outlives close(); shutdown() wakes it.
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=_accepted, args=(listener, talk), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start


def _talked(talk: Talk, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(60)
        talk(connection)


def _accepted(listener: socket.socket, talk: Talk) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talked, args=(talk, connection), daemon=True).start()
