"""The gateway as something to break: its faults, and what it has on record afterwards."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis

from gateway.core.sending.send import send_id
from gateway.store import keys
from gateway.store.redis.client import Store
from tests.chaos.requests import KEY, Requests, is_request, recipient, recipients
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.faults.fault_proxy import SOUND, Fault, Relay
from tests.support.faults.large_deliveries import Large, unknown
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack

# Statuses that were refused while a process was away come back soon, so that a run has an end.
SANDBOX = {"retry_pauses_s": [0.2, 0.5, 1.0, 2.0]}
IN_DOUBT = frozenset({"unconfirmed", "dead", "expired"})
STALLED_S = 120.0  # kombu looks at what a dead worker held less often than each minute.
# What comes back by itself: stopped for longer than any lease, and what Meta does to 20 posts.
LATER_WELL = ("Redis, frozen", "inbound, frozen", "Meta, answers lost", "Meta, 502")
FROZEN_S = 7.0
SPOILT = {
    "Meta, answers lost": {"lose": 20},
    "Meta, 502": {"http": {"status": 502, "times": 20}},
}
# What happens to each part of what goes to Redis, from any process, for a while.
WIRES = {"wire, requests lost": Fault(before=0.1), "wire, answers lost": Fault(after=0.1)}
CUT_S = 3.0
ASKING = 20  # of the messages of a large delivery


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one reply or request: how often it was posted, and whether it is in doubt."""

    wamid: str
    posts: int
    in_doubt: bool


class Gateway:
    """One gateway with a server of its own; whatever is killed is started again at once."""

    name = "gateway"
    faults: tuple[str, ...] = (
        "web",
        "inbound, main process",
        "inbound, a child",
        "inbound, whole group",
        "outbound",
        "beat",
        "Redis",
        *LATER_WELL,
        *WIRES,
    )
    # Of the faults, those that are kills by signal 9.
    kills: frozenset[str] = frozenset(faults) - {*LATER_WELL, *WIRES}
    programs: tuple[str, ...] = ("sandbox", "web", "inbound", "outbound", "beat")
    contacts = 500

    def __init__(self, folder: Path, large: float = 0.0) -> None:
        self._large = large
        self.server = Server(folder / "valkey").start()
        self._wire = Relay(self.server.port)
        self.stack = self.made(folder)
        self._requests = Requests(self.stack.client, self.stack.api)
        self.stack.env["REDIS_URL"] = f"redis://127.0.0.1:{self._wire.port}/0"
        self._gone: list[Program] = []
        self._posts: Counter[str] = Counter()  # of what was judged
        self.posted_again = 0  # of those, how many Meta was posted once more since

    def made(self, folder: Path) -> Stack:
        return Stack(folder, self.server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)

    def start(self) -> None:
        self.stack.start(*self.programs, sandbox=SANDBOX)
        wait_until(lambda: self.post(-1) and self.answered() > 0, "the first reply is posted", 60)

    def stop(self) -> None:
        for program in self._gone:
            program.kill()
        self.stack.stop()
        self._wire.close()
        self.server.kill()

    def post(self, number: int) -> bool:
        """Deliver the delivery of this number, or ask by the API; say whether it was taken."""
        try:
            if self.is_request(number):
                return self._requests.post(number)
            return self.stack.post(self.body(number)).status_code == 200
        except httpx.HTTPError:
            return False

    def is_request(self, number: int) -> bool:
        """Say whether a number is that of a request to the API, and not of a delivery."""
        return is_request(number)

    def is_large(self, number: int) -> bool:
        """Say whether a delivery has a thousand items; the same number is always the same."""
        return (
            number >= 0
            and not self.is_request(number)
            and random.Random(number).random() < self._large
        )

    def body(self, number: int) -> bytes:
        return self.large(number).body() if self.is_large(number) else self.small(number)

    def large(self, number: int) -> Large:
        """Return mixed items, or statuses alone for every second of these deliveries."""
        if number % 2:
            return Large(f"chaos{number}", messages=0, asking=0)
        return Large(f"chaos{number}", asking=ASKING)

    def small(self, message: int) -> bytes:
        sender = f"3519{message % self.contacts:08d}"
        return delivery_body(message_item(wamid(message), f"which color has {message}?", sender))

    def inflict(self, fault: str) -> None:
        """Kill with signal 9, without a warning, or do what the fault says."""
        if fault == "Redis":
            self.server.kill()
            self.server.start()
        elif fault in SPOILT:
            self.stack.client.post(f"{self.stack.meta_url}/sandbox/faults", json=SPOILT[fault])
        elif fault in WIRES:
            self._wire.fault = WIRES[fault]
            time.sleep(CUT_S)
            self._wire.fault = SOUND
        elif fault.endswith(", frozen"):
            self._freeze(fault.partition(", ")[0])
        else:
            self._kill(*fault.partition(", ")[::2])

    def _freeze(self, name: str) -> None:
        process = self.server.process if name == "Redis" else self.stack.programs[name].process
        assert process
        group = [process.pid] if name == "Redis" else [process.pid, *children(process.pid)]
        for how in (signal.SIGSTOP, signal.SIGCONT):
            for one in group:
                os.kill(one, how)
            time.sleep(FROZEN_S if how == signal.SIGSTOP else 0)

    def _kill(self, name: str, part: str) -> None:
        program = self.stack.programs[name]
        if part == "main process":
            os.kill(program.pid, signal.SIGKILL)
            program.process.wait(20)
        elif part == "a child":
            for child in children(program.pid)[:1]:
                os.kill(child, signal.SIGKILL)
        else:
            program.kill()

    def revive(self) -> None:
        """Start again what is not there, as an init system or an orchestrator does."""
        for name in self.programs:
            program = self.stack.programs[name]
            if not program.alive():
                self._gone.append(program)
                self.stack.run(name)

    def start_anew(self) -> None:
        """Start every worker again, as a person does who is called because nothing moves."""
        for name in ("inbound", "outbound"):
            self.stack.programs[name].kill()
        self.revive()

    def answered(self) -> int:
        """Return how many replies Meta took, as far as the gateway knows."""
        try:
            with redis.Redis.from_url(self.server.url, socket_timeout=2) as client:
                found = client.hget(f"{keys.number(NUMBER)}count", "sends.accepted")
        except redis.RedisError:
            return 0
        return int(found) if isinstance(found, bytes) else 0

    def settle(self) -> None:
        """Wait until nothing waits any more; raises AssertionError where it stands still before."""
        assert self.comes_to_rest(), "something waits, and nothing moves"

    def comes_to_rest(self) -> bool:
        """Wait for as long as anything moves, and say whether nothing waits then."""
        moved, since = self.moved(), time.monotonic()
        while not self.still():
            if (more := self.moved()) > moved:
                moved, since = more, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                return False
        return True

    def moved(self) -> int:
        """Return how much was ever worked off: every status of Meta's is a delivery too."""
        return self.stack.worked_off()

    def still(self) -> bool:
        self.revive()
        try:
            # The log is long, and reading it takes the time of those it waits for: it comes last.
            if self.stack.idle() and self.told_all() and not self._due():
                return True
        except httpx.HTTPError:
            pass  # asked again
        time.sleep(0.5)
        return False

    def _due(self) -> int:
        """Return how many scheduled messages wait for their time."""
        with redis.Redis.from_url(self.server.url) as client:
            return int(str(client.zcard(f"{keys.number(NUMBER)}due")))

    def told_all(self) -> bool:
        """Say whether Meta has no status left to tell."""
        return bool(self.stack.judged()["webhooks"]["pending"] == 0)

    def fates(self, numbers: Iterable[int]) -> Mapping[int, list[Fate]]:
        """Return what became of every reply and of every request, as the sandbox saw it."""
        self._read_log()
        asked = [(number, name) for number in numbers for name in self.asked(number)]
        sends = [name if self.is_request(number) else reply_id(name) for number, name in asked]
        found: dict[int, list[Fate]] = {}
        for (number, name), send, stage in zip(asked, sends, self._stages(sends), strict=True):
            posts = self._posts[recipient(number) if self.is_request(number) else send]
            found.setdefault(number, []).append(Fate(name, posts, stage in IN_DOUBT))
        return found

    def _read_log(self) -> None:
        """Count what was posted, and let the sandbox forget it: a long run must not slow down."""
        posted = self.stack.posted()
        seen = Counter(self.named(one) for one in posted) + Counter(recipients(posted))
        self.posted_again = sum(name in self._posts for name in seen)
        self._posts += seen
        self.stack.client.delete(f"{self.stack.meta_url}/sandbox/log")

    def named(self, posted: Mapping[str, Any]) -> str:
        """Return what tells which reply a post was."""
        return str(posted["callback"]).partition(".")[0]

    def asked(self, number: int) -> list[str]:
        """Return the wamids of the messages that ask for a reply, or the id of a request."""
        if self.is_request(number):
            return [self._requests.ids[number]]
        return self.large(number).asked() if self.is_large(number) else [wamid(number)]

    def _stages(self, sends: Sequence[str]) -> list[str]:
        with redis.Redis.from_url(self.server.url) as client:
            pipe = client.pipeline(transaction=False)
            for send in sends:
                pipe.hget(f"{keys.number(NUMBER)}send:{send}", "stage")
            return [stage.decode() if stage else "" for stage in pipe.execute()]

    def without_effect(self, number: int) -> int:
        """Return how many events of a large delivery had no effect."""
        with contextlib.closing(Store(self.server.url)) as store:
            return len(unknown(store, [self.body(number)]))

    def buried(self) -> int:
        """Return how many events are dead letters: none should be, for all of them are sound."""
        try:
            with redis.Redis.from_url(self.server.url, socket_timeout=2) as client:
                found = [client.zrange(f"{keys.number(of)}dead", 0, -1) for of in (NUMBER, "")]
        except redis.RedisError:
            return 0
        return sum(name.startswith(b"event:") for names in found for name in names)

    def story(self, name: str) -> str:
        """Return what `gateway trace` tells of a message."""
        return self.stack.trace(name)


def wamid(message: int) -> str:
    return f"wamid.chaos.{message}"


def reply_id(name: str) -> str:
    """Return the id of the only reply to a message."""
    return send_id(f"message|{NUMBER}|{name}", "colour", 0)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]
