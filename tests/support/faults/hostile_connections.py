"""Connections of strangers who mean no good.

`python -m tests.support.faults.hostile_connections PORT KIND NUMBER` opens them.

It runs as a process of its own, says `on` once all of them are open, and opens again what the
gateway closes, 100 a second, until it is killed.
"""

import resource
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

PIECE = b"a" * 65536
HEAD = b"POST /webhook HTTP/1.1\r\nHost: gateway\r\n"
BODY_BYTES = 3 * 1024 * 1024
LOOK_S = 0.05
AGAIN = 5  # connections opened again in each look


def endless_header() -> Iterator[bytes]:
    """Send one header that never ends, as fast as it is taken."""
    yield HEAD + b"X-Endless: "
    while True:
        yield PIECE


def endless_body() -> Iterator[bytes]:
    """Send 3 MB of an unsigned body, and never the last byte."""
    yield HEAD + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES + 1)
    for _ in range(BODY_BYTES // len(PIECE)):
        yield PIECE
    while True:
        yield b""


def silent() -> Iterator[bytes]:
    """Send nothing."""
    while True:
        yield b""


def dripping() -> Iterator[bytes]:
    """Send one byte a second: a head, then a body."""
    head = HEAD + b"Content-Length: 1000\r\n\r\n"
    at, due = 0, 0.0
    while True:
        if time.monotonic() < due:
            yield b""
            continue
        due = time.monotonic() + 1
        at += 1
        # Every other one has sent its head already.
        yield head if at == 1 and int(due) % 2 else (head + PIECE)[at : at + 1]


KINDS = {
    "header": endless_header,
    "body": endless_body,
    "silent": silent,
    "drip": dripping,
}


@dataclass(slots=True)
class Line:
    """One connection, and what it has still to send."""

    socket: socket.socket
    pieces: Iterator[bytes]
    waiting: bytes = b""

    def push(self) -> bool:
        """Send what is taken now; False where there is nothing to send."""
        if not self.waiting:
            self.waiting = next(self.pieces)
        if self.waiting:
            self.waiting = self.waiting[self.socket.send(self.waiting) :]
            return True
        return False


class Crowd:
    """So many strangers of one kind."""

    def __init__(self, port: int, kind: str, number: int) -> None:
        self.port, self.kind, self.number = port, kind, number
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Attack until killed."""
        for _ in range(self.number):
            self.open()
        sys.stdout.write("on\n")
        sys.stdout.flush()
        while True:
            began = time.monotonic()
            for line in [key.data for key in self.selector.get_map().values()]:
                self.work(line)
            for _ in range(min(AGAIN, self.number - len(self.selector.get_map()))):
                with suppress(OSError):
                    self.open()
            time.sleep(max(0.0, LOOK_S - (time.monotonic() - began)))

    def open(self) -> None:
        """Open one connection more."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        made.setblocking(False)
        line = Line(made, KINDS[self.kind]())
        self.selector.register(made, selectors.EVENT_READ, line)

    def work(self, line: Line) -> None:
        """Send on one connection, and leave it where the gateway has closed it."""
        try:
            with suppress(BlockingIOError):
                while line.push():
                    pass
            with suppress(BlockingIOError):
                if line.socket.recv(65536) == b"":
                    raise ConnectionResetError
        except OSError:
            self.selector.unregister(line.socket)
            line.socket.close()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Crowd(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run()
