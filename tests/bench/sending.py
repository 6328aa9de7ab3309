"""How fast replies that wait go out while Meta takes 50 ms for an answer, and what each costs."""

import os
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

from gateway.store import keys
from tests.chaos.recipe import RecipeStack
from tests.support.factories import NUMBER
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

SANDBOX = {"answer_after_s": 0.05, "statuses": False}
# Beyond what Meta grants anybody, so that the gateway is measured and not its obedience.
LIFTED = 20_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Seen:
    """What was used up to a moment: sends accepted, script calls, and CPU seconds by program."""

    accepted: int
    calls: int
    cpu: dict[str, float]


class Waiting:
    """A system in which one reply waits for each of many customers, with nobody to send it."""

    def __init__(self, folder: Path, server: Server, app: Path | None = None) -> None:
        self.server = server
        self.app = app
        self.stack = RecipeStack(folder, server, app) if app else _gateway(folder, server)
        self.web_port = self.stack.web_port

    def start(self) -> None:
        self.stack.start("sandbox", sandbox=SANDBOX)
        self.stack.run("web")
        wait_until(self._answers, "the web process answers")

    def plan(self, count: int) -> None:
        """Let the replies to `count` deliveries wait, and leave no process but the sandbox."""
        self.stack.programs["web"].stop()
        planners = ("inbound",) if self.app else ("inbound", "beat")
        for name in planners:
            self.stack.run(name)
        wait_until(lambda: self.planned() >= count, "all replies are planned", 120)
        for name in planners:
            self.stack.programs[name].stop()

    def planned(self) -> int:
        with redis.Redis.from_url(self.server.url) as client:
            if self.app:
                return int(str(client.llen("critical")))
            return self.stack.worked_off()

    def send(self, count: int, processes: int) -> tuple[float, Seen]:
        """Send all of it; return sends a second, and what `count` sends used."""
        if not self.app:
            self.server.command("HSET", f"{keys.number(NUMBER)}tokens", "granted", LIFTED)
        names = ["outbound", *(f"outbound#{i}" for i in range(1, processes))]
        for name in names:
            self.stack.run(name)
        wait_until(lambda: self.accepted() > 0, "the first is sent", 60)
        before = self.seen(names)
        wait_until(lambda: self.accepted() >= count, "all are sent", 600)
        after = self.seen(names)
        moments = sorted(one["at"] for one in self.stack.posted())
        return (len(moments) - 1) / (moments[-1] - moments[0]), _between(before, after)

    def accepted(self) -> int:
        pace = self.stack.client.get(f"{self.stack.meta_url}/sandbox/pace").json()
        return int(pace[NUMBER]["accepted"])

    def seen(self, names: list[str]) -> Seen:
        stats = self.server.command("INFO", "commandstats")
        assert self.server.process
        cpu = {
            "worker": sum(cpu_s(self.stack.programs[name].pid) for name in names),
            "sandbox": cpu_s(self.stack.programs["sandbox"].pid),
            "Redis": cpu_s(os.getpgid(self.server.process.pid), self.server.process.pid),
        }
        return Seen(self.accepted(), stats.get("cmdstat_evalsha", {}).get("calls", 0), cpu)

    def stop(self) -> None:
        self.stack.stop()

    def _answers(self) -> bool:
        try:
            return self.stack.client.get(self.stack.url).status_code < 500
        except httpx.HTTPError:
            return False


def _gateway(folder: Path, server: Server) -> Stack:
    return Stack(folder, server, GATEWAY_LOG_LEVEL="warning")


def _between(before: Seen, after: Seen) -> Seen:
    cpu = {name: used - before.cpu[name] for name, used in after.cpu.items()}
    return Seen(after.accepted - before.accepted, after.calls - before.calls, cpu)


def cpu_s(group: int, only: int = 0) -> float:
    """Return the CPU seconds of a process group so far, of children that live among them."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[2]) == group and only in (0, int(stat.parent.name)):
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS
