"""The webhook of a real web process under generated requests, and what became of each.

`python -m tests.support.faults.fuzz --requests 100000` runs it as long as asked.
"""

import asyncio
import re
import resource
import socket
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Annotated, Any

import redis
import typer
from rich.console import Console
from rich.progress import Progress

from gateway.core.events import Delivery
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.web.request_limits import Bounds
from tests.support.faults.fuzz_requests import Case, case, request
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

AT_ONCE = 16
SLOW_LINES = 100
SILENT_LINES = Bounds().connections + 50
PATIENCE_S = 60.0
NOTHING = "version: 1\nrules: []\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)")


@dataclass(slots=True)
class Report:
    """What was sent, what was answered, and what it came to."""

    requests: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    kept: int = 0
    events: set[tuple[str, str]] = field(default_factory=set)  # that should have had their effect
    effects: int = 0  # that had it
    unreadable: int = 0
    passed: int = 0
    grown_mb: float = 0.0
    problems: list[str] = field(default_factory=list)


class Fuzz:
    """Sends cases to one web process."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.random = Random(seed)
        self.report = Report()

    async def run(self, requests: int, step: Callable[[int], None]) -> None:
        """Send as many requests, beside connections that drip, and too many that say nothing."""
        await self._some(400, lambda _: None)
        before = resident_mb(self.stack.programs["web"].pid)
        async with AsyncExitStack() as slow:
            for i in range(SLOW_LINES):
                await slow.enter_async_context(dripping(self.stack.web_port, i))
            for _ in range(SILENT_LINES):
                silent = socket.create_connection(("127.0.0.1", self.stack.web_port))
                slow.enter_context(silent)
            await self._some(requests, step)
        self.report.grown_mb = resident_mb(self.stack.programs["web"].pid) - before

    async def _some(self, requests: int, step: Callable[[int], None]) -> None:
        until = self.report.requests + requests

        async def sender() -> None:
            while self.report.requests < until:
                made = case(self.random)
                self.report.requests += len(made.bodies)
                self.judge(made, await self.send(made))
                step(len(made.bodies))

        await asyncio.gather(*(sender() for _ in range(AT_ONCE)))

    async def send(self, made: Case) -> list[int]:
        """Send one case over a connection of its own, and return the answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stack.web_port)
        answered = b""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                for piece in made.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.001 if len(made.pieces) > 1 else 0)
                while not made.leaves and len(_STATUS.findall(answered)) < len(made.bodies):
                    if not (part := await reader.read(65_536)):
                        break
                    answered += part
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return [int(status) for status in _STATUS.findall(answered)]

    def judge(self, made: Case, answers: list[int]) -> None:
        """Note what was answered; what was acknowledged must become events."""
        self.report.answers.update(answers)
        self.report.silent += not made.leaves and not answers
        for status, content in zip(answers, made.bodies, strict=False):
            if status >= 500 and status != 503:
                self.report.problems.append(f"answer {status} to {made.pieces[0][:300]!r}")
            if status == 200 and content is not None:
                self.report.kept += 1
                self._expect(content)

    def _expect(self, content: bytes) -> None:
        events = split(Delivery("0:1-0", datetime.now(UTC), content))
        if not events:
            self.report.problems.append(f"no event from {content[:300]!r}")
        self.report.events |= {(event.number, event.key) for event in events}


class dripping:  # noqa: N801 - a context
    """A connection that has begun a delivery and goes on only now and then."""

    def __init__(self, port: int, at: int) -> None:
        self.port, self.at = port, at
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        _, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.task = asyncio.create_task(self._drip(request(b"[]", length=10**6)[: self.at * 3]))

    async def __aexit__(self, *_: object) -> None:
        assert self.task
        self.task.cancel()
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def _drip(self, head: bytes) -> None:
        with suppress(OSError):
            for at in range(len(head)):
                self.writer.write(head[at : at + 1])
                await asyncio.sleep(0.05)


def resident_mb(pid: int) -> float:
    """Return the most memory that a process ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


def fuzz(folder: Path, requests: int, seed: int, step: Callable[[int], None]) -> Report:
    """Start a gateway without rules, send it so many requests, and compare what came of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = Server(folder / "valkey").start()
    stack = Stack(folder, server, NOTHING).start("web")
    try:
        stack.run("inbound")
        stack.run("beat")
        made = Fuzz(stack, seed)
        asyncio.run(made.run(requests, step))
        _compare(stack, made.report)
        return made.report
    finally:
        stack.stop()
        server.kill()


def _compare(stack: Stack, report: Report) -> None:
    wait_until(stack.idle, "all is worked off", 60 + report.kept / 100)
    figures = stack.metrics()
    kinds = {kind: figures.get(f'gateway_events_total{{kind="{kind}"}}', 0) for kind in KINDS}
    report.effects = int(sum(kinds.values()))
    report.unreadable = int(kinds["unreadable"])
    report.passed = stack.worked_off() - ours(stack)
    gone = figures.get('gateway_events_total{kind="unreadable_dropped"}', 0)
    aside = sum(figures[name] for name in figures if name.startswith("gateway_deliveries_aside"))
    found = {
        "set aside": aside,
        "dead letters": figures["gateway_dead_letters"] - kinds["unreadable"] + gone,
        "tracebacks": sum(one.said().count("Traceback") for one in stack.programs.values()),
        "kept otherwise than acknowledged": report.passed - report.kept,
        "effects otherwise than split": report.effects - len(report.events),
    }
    report.problems += [f"{name}: {value:.0f}" for name, value in found.items() if value]
    if not stack.programs["web"].alive():
        report.problems.append("the web process ended")


def ours(stack: Stack) -> int:
    """Return how many deliveries the gateway kept for itself, such as a canary each minute."""
    with redis.Redis.from_url(stack.server.url) as client:
        inboxes: Any = [client.xrange(f"{keys.partition(i)}inbox") for i in range(keys.PARTITIONS)]
    return sum(not kept[b"h"].startswith(b"meta|") for inbox in inboxes for _, kept in inbox)


KINDS = ("message", "status", "notice", "unreadable", "returned")


def main(
    requests: Annotated[int, typer.Option(help="How many to send.", min=1)] = 100_000,
    seed: Annotated[int, typer.Option(help="Another seed, other requests.")] = 1,
) -> None:
    """Fuzz the webhook, and say what came of it."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as bar:
        task = bar.add_task("requests", total=requests)
        report = fuzz(Path(folder), requests, seed, lambda by: bar.advance(task, by))
    events = f"{len(report.events)} events, {report.effects} effects"
    console.print(f"{report.requests} requests, {report.kept} kept, {report.passed} worked off")
    console.print(f"{events}, {report.unreadable} unreadable, {report.silent} without an answer")
    console.print(f"answers {dict(sorted(report.answers.items()))}, +{report.grown_mb:.0f} MB")
    console.print("\n".join(report.problems[:20]) or "no problem")
    raise typer.Exit(bool(report.problems))


if __name__ == "__main__":
    typer.run(main)
