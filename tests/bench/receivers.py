"""Receivers of forwards that take a while for each answer, all in one process.

`python -m tests.bench.receivers DELAY_MS PORT...` serves a receiver at each port, and at the first
one answers a GET at once with how many posts all of them have answered, and when the last one was.
"""

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

RECEIVED = b"HTTP/1.1 204 No Content\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)


class Answered:
    """How many posts were answered, and when the first and the last."""

    def __init__(self) -> None:
        self.count, self.first, self.last = 0, 0.0, 0.0

    def note(self) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.count += 1

    def page(self) -> bytes:
        body = json.dumps([self.count, self.last - self.first]).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class SlowReceiver(asyncio.Protocol):
    """Answers each post on its connection a while after it came; posts come one after another."""

    def __init__(self, answered: Answered, delay_s: float) -> None:
        self._answered, self._delay_s = answered, delay_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._write(self._answered.page())
        else:
            asyncio.get_running_loop().call_later(self._delay_s, self._answer)

    def _answer(self) -> None:
        self._answered.note()
        self._write(RECEIVED)

    def _write(self, answer: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(answer)


async def serve(delay_s: float, ports: list[int]) -> None:
    loop, answered = asyncio.get_running_loop(), Answered()
    for port in ports:
        await loop.create_server(lambda: SlowReceiver(answered, delay_s), "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]) / 1_000, [int(port) for port in sys.argv[2:]]))
