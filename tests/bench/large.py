"""How long large deliveries take to be worked off, and how long a fresh message waits meanwhile."""

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from gateway.core.sending.send import send_id
from gateway.store import keys
from tests.bench.sending import LIFTED
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.faults.fault_proxy import Fault, Relay
from tests.support.faults.ledger import reaching
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

ITEMS = 1_000
STATUSES, MESSAGES = 80, 24  # deliveries; a full size of each kind
PROCESSES = (1, 4)
DISTANCES_MS = (0, 50)
PATIENCE_S = 900
# Meta sends a broadcast's statuses by itself; here only what the measurement delivers counts.
SANDBOX = {"statuses": False}


@dataclass(frozen=True)
class Case:
    """Deliveries of one kind, for so many processes that plan, with Redis so far away."""

    kind: str
    deliveries: int
    processes: int
    distance_ms: int

    @property
    def name(self) -> str:
        """Return how the table calls it."""
        by = f"{self.processes} process{'es' if self.processes > 1 else ''}"
        return f"{self.deliveries} x {ITEMS:,} {self.kind}, {by}, Redis {self.distance_ms} ms away"

    def bodies(self) -> list[bytes]:
        """Make the deliveries; each item is of another customer."""
        return [BODIES[self.kind](i) for i in range(self.deliveries)]


@dataclass(frozen=True)
class Took:
    """Seconds from the last acknowledgement until nothing waited, and of each fresh message."""

    until_idle: float
    replies: list[float]


def cases(scale: float) -> Iterator[Case]:
    """Return all cases, with a share of the full number of deliveries."""
    for kind, full in (("statuses", STATUSES), ("messages with a reply", MESSAGES)):
        for processes in PROCESSES:
            for distance in DISTANCES_MS:
                yield Case(kind, max(1, round(full * scale)), processes, distance)


def statuses(delivery: int) -> bytes:
    """Make statuses of messages that we did not send, as of another system on the same number."""
    return delivery_body(
        statuses=[
            status_item(f"wamid.l{delivery}.{i}", "delivered", to=_customer(delivery, i))
            for i in range(ITEMS)
        ]
    )


def messages(delivery: int) -> bytes:
    return delivery_body(
        *(
            message_item(f"wamid.l{delivery}.{i}", "color", _customer(delivery, i))
            for i in range(ITEMS)
        )
    )


BODIES: dict[str, Callable[[int], bytes]] = {
    "statuses": statuses,
    "messages with a reply": messages,
}


def _customer(delivery: int, item: int) -> str:
    return f"3518{delivery * ITEMS + item:08d}"


class LargeStack(Stack):
    """A gateway whose workers stand at some distance from Redis, and whose web process does not."""

    def __init__(self, folder: Path, server: Server, case: Case) -> None:
        super().__init__(folder, server, GATEWAY_LOG_LEVEL="warning")
        self._case = case
        self._wire = Relay(server.port)
        self._wire.fault = Fault(delay_s=case.distance_ms / 2_000)

    def command(self, kind: str) -> Sequence[str]:
        given = super().command(kind)
        return [*given[:-1], str(self._case.processes)] if kind == "inbound" else given

    def stop(self) -> None:
        super().stop()
        self._wire.close()

    def measure(self) -> Took:
        """Run the case; raises AssertionError where it does not come to rest, or gives one up."""
        self._start_far()
        self._answer_s("first")
        assert set(self.post_all(self._case.bodies(), at_once=4)) == {200}
        began, replies = time.monotonic(), [self._answer_s("fresh.0")]
        while not self.idle():
            assert time.monotonic() - began < PATIENCE_S, "it does not come to rest"
            replies.append(self._answer_s(f"fresh.{len(replies)}"))
        took = Took(time.monotonic() - began, replies)
        assert self.metrics()["gateway_dead_letters"] == 0
        return took

    def _start_far(self) -> None:
        self.start("sandbox", "web", sandbox=SANDBOX)
        self.server.command("HSET", f"{keys.number(NUMBER)}pace", "granted", LIFTED)
        port = self._wire.port if self._case.distance_ms else self.server.port
        with reaching(self, REDIS_URL=f"redis://127.0.0.1:{port}/0"):
            self.start("inbound", "outbound", "beat")

    def _answer_s(self, name: str) -> float:
        """Let a fresh message come, and return after how many seconds Meta has the reply."""
        sender = f"3517{zlib.crc32(name.encode()) % 10**8:08d}"
        row = f"{keys.number(NUMBER)}send:{send_id(f'message|{NUMBER}|wamid.{name}', 'colour', 0)}"
        began = time.monotonic()
        assert self.post(delivery_body(message_item(f"wamid.{name}", "color", sender))).is_success
        with redis.Redis.from_url(self.server.url) as client:
            wait_until(
                lambda: client.hget(row, "stage") == b"accepted", f"a reply to {name}", PATIENCE_S
            )
        return time.monotonic() - began
