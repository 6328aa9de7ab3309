"""The gateway as something to break: its faults, and what it has on record afterwards."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
import redis

from gateway.core.sends import send_id
from gateway.store import keys
from tests.faults.relay import SOUND, Fault, Relay
from tests.made import NUMBER, delivery_body, message_item
from tests.servers import Program, Server, wait_until
from tests.stack import Stack

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
    programs: tuple[str, ...] = ("sandbox", "web", "inbound", "outbound", "beat")
    contacts = 500

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "valkey").start()
        self._wire = Relay(self.server.port)
        self.stack = self.made(folder)
        self.stack.env["REDIS_URL"] = f"redis://127.0.0.1:{self._wire.port}/0"
        self._gone: list[Program] = []

    def made(self, folder: Path) -> Stack:
        return Stack(folder, self.server, GATEWAY_LOG_LEVEL="warning")

    def start(self) -> None:
        self.stack.start(*self.programs, sandbox=SANDBOX)
        wait_until(lambda: self.post(0) and self.answered() > 0, "the first reply is posted", 60)

    def stop(self) -> None:
        for program in self._gone:
            program.kill()
        self.stack.stop()
        self._wire.close()
        self.server.kill()

    def post(self, message: int) -> bool:
        """Deliver one message, and say whether it was acknowledged."""
        try:
            return self.stack.post(self.body(message)).status_code == 200
        except httpx.HTTPError:
            return False

    def body(self, message: int) -> bytes:
        sender = f"3519{message % self.contacts:08d}"
        return delivery_body(message_item(wamid(message), "which color?", sender))

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
            if self.stack.idle() and self.told_all():
                return True
        except httpx.HTTPError:
            pass  # asked again
        time.sleep(0.5)
        return False

    def told_all(self) -> bool:
        """Say whether Meta has no status left to tell."""
        return bool(self.stack.judged()["webhooks"]["pending"] == 0)

    def posts(self, messages: Iterable[int]) -> Mapping[int, int]:
        """Return how often each message was answered, as the sandbox saw it."""
        sends = {reply_id(message): message for message in messages}
        seen = Counter(str(one["callback"]).partition(".")[0] for one in self.stack.posted())
        return {sends[send]: times for send, times in seen.items() if send in sends}

    def in_doubt(self, messages: Iterable[int]) -> set[int]:
        """Return the messages whose reply is on record as one that nobody can be sure of."""
        asked = list(messages)
        with redis.Redis.from_url(self.server.url) as client:
            pipe = client.pipeline(transaction=False)
            for message in asked:
                pipe.hget(f"{keys.number(NUMBER)}send:{reply_id(message)}", "stage")
            stages = [stage.decode() if stage else "" for stage in pipe.execute()]
        return {m for m, stage in zip(asked, stages, strict=True) if stage in IN_DOUBT}

    def story(self, message: int) -> str:
        """Return what `gateway trace` tells of a message."""
        return self.stack.trace(wamid(message))


def wamid(message: int) -> str:
    return f"wamid.chaos.{message}"


def reply_id(message: int) -> str:
    """Return the id of the only reply to a message."""
    return send_id(f"message|{NUMBER}|{wamid(message)}", "colour", 0)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]
