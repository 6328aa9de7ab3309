"""How long requests in Meta's form wait while Graph takes 50 ms, singly and 200 at once."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.store import keys
from tests.bench.sending import LIFTED
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.stack import Stack

AT_ONCE, BURSTS, SINGLES = 200, 5, 40
GRAPH_S = 0.05
KEY = "a-key-of-the-environment"
TEMPLATE = {"name": "order_ready", "language": {"code": "en"}}


class CloudApi:
    """A gateway with one sending process, and clients that cost next to nothing."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)
        self._people = iter(range(351_910_000_000, 351_919_999_999))

    def measure(self) -> Iterator[tuple[str, float]]:
        """Yield each figure by its name, in milliseconds."""
        self.stack.start(
            "sandbox", "web", "outbound", sandbox={"answer_after_s": GRAPH_S, "statuses": False}
        )
        self.server.command("HSET", f"{keys.number(NUMBER)}tokens", "granted", LIFTED)
        asyncio.run(self._burst(AT_ONCE))  # connections are opened, modules imported
        singles = [asyncio.run(self._burst(1))[0] for _ in range(SINGLES)]
        bursts = [took for _ in range(BURSTS) for took in asyncio.run(self._burst(AT_ONCE))]
        for name, took in (("singly", singles), (f"{AT_ONCE} at once", bursts)):
            took.sort()
            for share in (50, 99):
                at = took[len(took) * share // 100] * 1_000
                yield f"Meta's form, {name}, Graph 50 ms: p{share} ms", at

    async def _burst(self, count: int) -> list[float]:
        """Send messages to so many people at the same moment; return how long each took."""
        lines = [
            await asyncio.open_connection("127.0.0.1", self.stack.api_port) for _ in range(count)
        ]
        requests = [self._request() for _ in lines]
        began = time.monotonic()
        for (_, writer), request in zip(lines, requests, strict=True):
            writer.write(request)
        took = await asyncio.gather(*(_wait(reader, began) for reader, _ in lines))
        for _, writer in lines:
            writer.close()
        return took

    def _request(self) -> bytes:
        message = {
            "messaging_product": "whatsapp", "to": str(next(self._people)), "type": "template",
            "template": TEMPLATE,
        }  # fmt: skip
        body = json.dumps(message).encode()
        head = (
            f"POST /v25.0/{NUMBER}/messages HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def stop(self) -> None:
        self.stack.stop()


async def _wait(reader: asyncio.StreamReader, began: float) -> float:
    """Return how long an answer took. Raises AssertionError for any but Meta's acceptance."""
    head = await reader.readuntil(b"\r\n\r\n")
    took = time.monotonic() - began
    assert head.startswith(b"HTTP/1.1 200"), head
    return took
