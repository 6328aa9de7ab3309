"""How much of a gateway's speed, memory and time of its start many accounts take.

One account, that of the variables, and fifty of a file get the same messages for the same numbers.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.accounts.source import AccountsSource
from gateway.config.settings import Settings
from tests.bench.load import Target, load
from tests.bench.sending import cpu_s
from tests.support.accounts import TestAccount, accounts_text, variables, write_accounts
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import RULES, SECRET, Stack, signed

ACCOUNTS, NUMBERS_EACH = 50, 10
NUMBERS = [f"2{i:014}" for i in range(ACCOUNTS * NUMBERS_EACH)]
ADDED = TestAccount("added", ["300000000000001"], "9000")
MOST_KEPT = 20_000  # a second, for which requests are prepared
IN_FILE = ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN")


@dataclass(frozen=True)
class Run:
    """Figures of one system: rates a second, seconds, and MB of memory."""

    kept: float
    keeping_cpu_s: float  # of the web process, for a thousand deliveries
    planned: float
    planning_cpu_s: float  # of the worker, for a thousand events
    web_start_s: float
    worker_start_s: float
    web_mb: float
    worker_mb: float


# Of each figure its name, and whether many accounts are compared by a ratio or by a difference.
FIGURES = {
    "kept": ("kept/s", ":"),
    "keeping_cpu_s": ("web's CPU s per 1,000 deliveries", ":"),
    "planned": ("events/s", ":"),
    "planning_cpu_s": ("worker's CPU s per 1,000 events", ":"),
    "web_start_s": ("s until web is ready", "less"),
    "worker_start_s": ("s until a worker plans", "less"),
    "web_mb": ("MB of web", "less"),
    "worker_mb": ("MB of a worker of one process", "less"),
}


def compare(one: Run, many: Run) -> Iterator[tuple[str, float]]:
    """Yield each figure of many accounts, and beside it how it compares with that of one."""
    for field, (name, compared) in FIGURES.items():
        ours, others = getattr(many, field), getattr(one, field)
        yield f"{name}, {ACCOUNTS} accounts", ours
        figure = ours / others if compared == ":" else ours - others
        yield f"{name}, {ACCOUNTS} accounts {compared} one", figure


class OneAccount:
    """A gateway with the account of the variables, which owns every number."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning")
        self.targets: Sequence[Target] = [Target(number) for number in NUMBERS]

    def measure(self, seconds: float, backlog: int) -> Run:
        """Let it plan the answers to a backlog, then keep other messages for some seconds."""
        web_start_s = _timed(lambda: self.stack.start("web"))
        self._load("w", backlog, 600)
        worker_start_s, planned, planning_cpu_s = self._plan(backlog)
        worker_mb = memory_mb(self.stack.programs["single"].pid)
        self.stack.programs["single"].stop()
        kept, keeping_cpu_s = self._keep(seconds)
        web_mb = memory_mb(self.stack.programs["web"].pid)
        return Run(
            kept,
            keeping_cpu_s,
            planned,
            planning_cpu_s,
            web_start_s,
            worker_start_s,
            web_mb,
            worker_mb,
        )

    def stop(self) -> None:
        self.stack.stop()

    def _load(self, name: str, count: int, seconds: float) -> dict[str, float]:
        done = load(self.stack.web_port, name, "color", count, seconds, targets=self.targets)
        assert done["ok"] == done["answered"], done
        return done

    def _keep(self, seconds: float) -> tuple[float, float]:
        web = self.stack.programs["web"].pid
        cpu = cpu_s(web)
        seen = self._load("k", int(seconds * MOST_KEPT), seconds)
        return seen["per_second"], (cpu_s(web) - cpu) / seen["ok"] * 1_000

    def _plan(self, backlog: int) -> tuple[float, float, float]:
        self.stack.ring()
        began = time.monotonic()
        worker = self.stack.run("single")
        wait_until(lambda: self.stack.worked_off() > 0, "the worker begins", 60)
        started_at, first, cpu = time.monotonic(), self.stack.worked_off(), cpu_s(worker.pid)
        wait_until(lambda: self.stack.worked_off() >= backlog, "the backlog is planned", 600)
        took, events = time.monotonic() - started_at, backlog - first
        cpu_each = (cpu_s(worker.pid) - cpu) / events * 1_000
        return started_at - began, events / took, cpu_each


class ManyAccounts(OneAccount):
    """A gateway with a file of fifty accounts, each with rules and an address of its own."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder, server)
        self.file = folder / "accounts.yaml"
        self.accounts = [_account(i, folder) for i in range(ACCOUNTS)]
        env = write_accounts(folder, self.accounts) | variables([ADDED])
        self.stack.env |= env
        for name in IN_FILE:
            del self.stack.env[name]
        self.targets = [
            Target(number, f"/webhook/{account.name}", account.secret)
            for numbers in zip(*(one.numbers for one in self.accounts), strict=True)
            for account, number in zip(self.accounts, numbers, strict=True)
        ]

    def read_cpu_s(self) -> float:
        """Return the CPU seconds in which a process reads the file and all values."""
        before = dict(os.environ)
        os.environ.update(self.stack.env)
        try:
            settings = Settings.from_env()
            began = time.process_time()
            AccountsSource(settings)
            return time.process_time() - began
        finally:
            os.environ.clear()
            os.environ.update(before)

    def reload_s(self) -> float:
        """Add an account; return the seconds until its address takes a webhook."""
        body = delivery_body(message_item("wamid.added"), number=ADDED.numbers[0])
        headers = {"x-hub-signature-256": signed(body, ADDED.variables["ADDED_SECRET"])}
        address = f"{self.stack.url}/webhook/{ADDED.name}"

        def is_taken() -> bool:
            answer = self.stack.client.post(address, content=body, headers=headers)
            return answer.status_code == 200

        assert not is_taken()
        self.file.write_text(accounts_text([*self.accounts, ADDED]))
        return _timed(lambda: wait_until(is_taken, "the added account is served"))


def _account(index: int, folder: Path) -> TestAccount:
    name = f"account-{index:02}"
    (folder / f"{name}.yaml").write_text(RULES.replace("red, green", f"red, green {index}"))
    numbers = NUMBERS[index * NUMBERS_EACH : (index + 1) * NUMBERS_EACH]
    more = f"rules: {name}.yaml\npace: 1000"
    return TestAccount(name, numbers, f"{5000 + index}", more, secret=f"{SECRET} {index}")


def memory_mb(group: int) -> float:
    """Return the memory of a process group in MB; what processes share is counted once."""
    kilobytes = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) != group:
                continue
            rows = (process / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended meanwhile
            continue
        kilobytes += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
    return kilobytes / 1024


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
