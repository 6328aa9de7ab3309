"""A load generator that costs little: prepared requests over a fixed number of connections.

Run as a process of its own, so that its work is not the gateway's: it reads a plan as JSON from
standard input and writes what it saw as JSON to standard output.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.stack import SECRET, signed

CONNECTIONS = 32


class Target(NamedTuple):
    """A number, the address to which Meta posts its webhooks, and the secret that signs them."""

    number: str = NUMBER
    path: str = "/webhook"
    secret: str = SECRET


DEFAULT = (Target(),)


def load(
    port: int,
    name: str,
    text: str,
    count: int,
    seconds: float,
    contacts: int = 1000,
    targets: Sequence[Target] = DEFAULT,
    kind: str = "delivery",
    connections: int = CONNECTIONS,
) -> dict[str, float]:
    """Run the load generator as a process of its own; the targets take turns."""
    asked = {
        "port": port,
        "connections": connections,
        "kind": kind,
        "name": name,
        "text": text,
        "targets": targets,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps({**asked, "count": count, "seconds": seconds, "contacts": contacts}),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


class Connection(asyncio.Protocol):
    """One connection that posts the next body as soon as the last was answered."""

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        self.waiting = b""
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        request = next(self.plan.requests, None)
        if request is None or time.perf_counter() > self.plan.ends:
            self.transport.close()
            return
        self.asked_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, got: bytes) -> None:
        self.waiting += got
        head, end, body = self.waiting.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self.waiting = b""
        self.plan.took.append(time.perf_counter() - self.asked_at)
        self.plan.ok += head.startswith(b"HTTP/1.1 20")
        self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        self.plan.open -= 1
        if not self.plan.open:
            self.plan.done.set()


class Plan:
    """What is posted, and what came of it."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.port = int(str(asked["port"]))
        self.connections = int(str(asked["connections"]))
        write = REQUESTS[asked["kind"]]
        self.requests = iter([write(i, asked) for i in range(int(str(asked["count"])))])
        self.seconds = float(str(asked["seconds"]))
        self.ends = 0.0
        self.took: list[float] = []
        self.ok = 0
        self.open = self.connections
        self.done = asyncio.Event()

    async def run(self) -> dict[str, float]:
        """Post until the time is over or all is posted."""
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        self.ends = started + self.seconds
        for _ in range(self.connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port)
        await self.done.wait()
        seconds = time.perf_counter() - started
        self.took.sort()
        return {
            "ok": self.ok,
            "answered": len(self.took),
            "per_second": self.ok / seconds,
            "p50_ms": _at(self.took, 0.5),
            "p99_ms": _at(self.took, 0.99),
        }


def _at(took: list[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))] * 1000 if took else 0.0


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _delivery(i: int, asked: dict[str, Any]) -> bytes:
    target = Target(*asked["targets"][i % len(asked["targets"])])
    customer = f"3519{i % asked['contacts']:08d}"
    item = message_item(f"wamid.{asked['name']}.{i}", asked["text"], customer)
    body = delivery_body(item, number=target.number)
    return _post(target.path, body, f"X-Hub-Signature-256: {signed(body, target.secret)}")


def _message(i: int, asked: dict[str, Any]) -> bytes:
    keys = (
        [f"Idempotency-Key: {asked['name'].replace(' ', '-')}-{i}"]
        if "key" in asked["kind"]
        else []
    )
    return _post("/v1/messages", _json(_one(i)), API_KEY, *keys)


def _batch(i: int, _: dict[str, Any]) -> bytes:
    messages = [_one(1_000 * i + nth) for nth in range(1_000)]
    return _post("/v1/messages/batch", _json({"messages": messages}), API_KEY)


def _recipe(i: int, _: dict[str, Any]) -> bytes:
    message = {"type": "text", "text": {"body": TEXT}}
    return _post("/send-message", _json({"phone_number": _customer(i), "message": message}))


def _one(i: int) -> dict[str, str]:
    return {"to": f"+{_customer(i)}", "text": TEXT}


def _customer(i: int) -> str:
    return f"3519{i % 10_000_000:08d}"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [*headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


TEXT = "Your order 17 is ready. It waits for you until six."
API_KEY = "Authorization: Bearer a-key-of-the-benchmark"
REQUESTS: dict[str, Callable[[int, dict[str, Any]], bytes]] = {
    "delivery": _delivery,
    "message": _message,
    "message with a key": _message,
    "batch": _batch,
    "recipe": _recipe,
}


if __name__ == "__main__":
    json.dump(asyncio.run(Plan(json.load(sys.stdin)).run()), sys.stdout)
