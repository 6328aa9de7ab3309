"""Campaigns: the pace that one holds, how long replies take meanwhile, and what that costs."""

import itertools
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from celery import Celery

from tests.bench.accounts import memory_mb
from tests.bench.sending import cpu_s
from tests.chaos.recipe import RecipeStack
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack
from tests.support.store.campaigns import csv_of

KEY = "a-key-of-the-benchmark"
PACES = (300, 1_000)
SECONDS = 8  # of sending at each pace
RECIPE = Path(__file__).parent / "usual" / "campaign_recipe.py"
RECIPE_RECIPIENTS = 2_000
REPLIES_PER_S = 20
SANDBOX = {"statuses": True, "log_max": 1_000_000}
# In a long run the statuses of a second come one by one, and in ever larger deliveries.
LONG_SANDBOX = {**SANDBOX, "batch_wait_s": 1.0}
BATCHES, BATCHES_FOR_S = (1, 30, 1_000), 5.0
TEMPLATE = {"name": "spring", "language": "en", "params": ["{{ first }}"]}


class Customers:
    """Customers who write twenty messages a second beside a campaign, one each."""

    def __init__(self, stack: Stack, name: str) -> None:
        """Take the system to which they write, and a name that no others have."""
        self._stack, self._name = stack, name
        self._wrote: dict[str, float] = {}

    def write(self, over: threading.Event) -> None:
        """Let them write until it is over."""
        for i in itertools.count():
            customer = f"3518{self._name[-1]}{i:07d}"
            body = delivery_body(message_item(f"wamid.{self._name}.{i}", "color", customer))
            self._wrote[customer] = time.time()
            self._stack.post(body)
            if over.wait(1 / REPLIES_PER_S):
                return

    def took_ms(self) -> list[float]:
        """Return the time from each webhook to its reply's POST, sorted, once all are posted."""
        wait_until(lambda: set(self._wrote) <= set(self._replies()), "all are answered", 600)
        replies = self._replies()
        return sorted((replies[one] - at) * 1_000 for one, at in self._wrote.items())

    def _replies(self) -> dict[str, float]:
        posted = [one for one in self._stack.posted() if "text" in one["body"]]
        return {one["to"].removeprefix("+"): one["at"] for one in posted}


class Campaigning:
    """The gateway with a campaign at its pace, and customers who write meanwhile."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)
        self._server = server

    def measure(self, recipients: int, pace: int) -> Iterator[tuple[str, float]]:
        """Yield the rows of the table: of a long run with so many recipients, or of short ones."""
        self.stack.start(sandbox=LONG_SANDBOX if recipients else SANDBOX)
        runs = [(pace, recipients)] if recipients else [(one, one * SECONDS) for one in PACES]
        for turn, (at_pace, count) in enumerate(runs):
            for name, figure in self._measure(turn, at_pace, count, is_long=bool(recipients)):
                yield f"{name}, pace {at_pace:,}", figure

    def _measure(
        self, turn: int, pace: int, count: int, *, is_long: bool
    ) -> Iterator[tuple[str, float]]:
        name = f"spring{turn}"
        id_, customers = self._draft(turn, pace, count), Customers(self.stack, name)
        before = self._cpu_s()
        with self._api() as api:
            check = {"check_id": api.get(f"/campaigns/{id_}").json()["check_id"]}
            api.post(f"/campaigns/{id_}/start", json=check).raise_for_status()
            with running(customers.write, *([self._vary_batches] if is_long else [])):
                self._wait_for(api, id_, count // 10)
                early = self._memory_mb()
                self._wait_for(api, id_, count)
        cpu = self._cpu_s()
        yield from figures_of(self.stack, name, count, customers)
        for process, used in cpu.items():
            yield f"CPU ms each: {process}", (used - before[process]) * 1_000 / count
        for process, used in self._memory_mb().items() if is_long else ():
            yield f"MB of {process} after a tenth", early[process]
            yield f"MB of {process} at the end", used

    def _draft(self, turn: int, pace: int, count: int) -> str:
        template = TEMPLATE | {"name": f"spring{turn}"}
        fields = {"name": "spring", "template": template, "pace": pace, "first": {"size": 0}}
        content, kind = csv_of(count, turn * 100_000), {"content-type": "text/csv"}
        with self._api() as api:
            id_ = str(api.post("/campaigns", json=fields).raise_for_status().json()["id"])
            api.put(f"/campaigns/{id_}/audience", content=content, headers=kind).raise_for_status()
            api.post(f"/campaigns/{id_}/check").raise_for_status()
        return id_

    def _vary_batches(self, over: threading.Event) -> None:
        """Let the sandbox put more and more statuses into one delivery, and begin again."""
        for most in itertools.cycle(BATCHES):
            form = {"batch_max": most}
            httpx.post(f"{self.stack.meta_url}/sandbox/batch", json=form).raise_for_status()
            if over.wait(BATCHES_FOR_S):
                return

    def _wait_for(self, api: httpx.Client, id_: str, count: int) -> None:
        """Wait until so many are written to; all of them once the campaign is complete."""

        def has_come() -> bool:
            time.sleep(0.2)  # the looks are to be no load on what is measured
            answer = api.get(f"/campaigns/{id_}")
            return answer.is_success and is_as_far(answer.json(), count)

        wait_until(has_come, f"{count} are written to", 600 + count / 50)

    def _cpu_s(self) -> dict[str, float]:
        assert self._server.process
        server = self._server.process.pid
        used = {name: cpu_s(one.pid) for name, one in self.stack.programs.items()}
        return {**used, "Redis": cpu_s(os.getpgid(server), server)}

    def _memory_mb(self) -> dict[str, float]:
        return {name: memory_mb(one.pid) for name, one in self.stack.programs.items()}

    def _api(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.Client(base_url=f"{self.stack.api}/v1", headers=headers, timeout=120)

    def stop(self) -> None:
        self.stack.stop()


class RecipeCampaign:
    """The usual recipe's group and chord, which the benchmark brings, beside its web and workers.

    Without the recipe that answers customers only what it sends is measured.
    """

    def __init__(self, folder: Path, server: Server, app: Path | None) -> None:
        self._answers, self._folder = app is not None, folder
        self.stack = RecipeStack(folder, server, app or RECIPE)
        self._bulk: Program | None = None

    def measure(self) -> Iterator[tuple[str, float]]:
        """Yield its rows, the same beside each pace: it sends as fast as it can."""
        self.stack.start("sandbox", sandbox={**SANDBOX, "statuses": self._answers})
        for name in ("web", "inbound", "outbound") if self._answers else ():
            self.stack.run(name)
        env = {**self.stack.env, "PYTHONPATH": str(RECIPE.parent)}
        worker = ["-m", "celery", "-A", RECIPE.stem, "worker", "-Q", "bulk", "-c", "4"]
        self._bulk = Program([sys.executable, *worker], env, self._folder / "bulk.log")
        customers = Customers(self.stack, "recipe0")
        if self._answers:
            body = delivery_body(message_item("wamid.first", "color", "351800000000"))
            wait_until(lambda: self._is_answered(body), "the recipe answers")
        with running(*([customers.write] if self._answers else [])):
            self._start()
            wait_until(lambda: len(self._sent()) >= RECIPE_RECIPIENTS, "all are sent", 600)
        figures = list(figures_of(self.stack, "spring", RECIPE_RECIPIENTS, customers))
        for pace, (name, figure) in itertools.product(PACES, figures):
            yield f"{name}, pace {pace:,}", figure

    def _start(self) -> None:
        recipients = [f"+3519{i:08d}" for i in range(RECIPE_RECIPIENTS)]
        template = {"name": "spring", "language": {"code": "en"}}
        args = ("1", recipients, {"type": "template", "template": template})
        with Celery("bench", broker=self.stack.env["REDIS_URL"]) as app:
            app.send_task("process_broadcast_campaign", args=args, queue="bulk")

    def _is_answered(self, body: bytes) -> bool:
        try:
            self.stack.post(body)
        except httpx.HTTPError:
            return False
        return bool(self.stack.posted())

    def _sent(self) -> list[float]:
        return sent(self.stack, "spring")

    def stop(self) -> None:
        if self._bulk:
            self._bulk.stop()
        self.stack.stop()


@contextmanager
def running(*work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let each do its work in a thread of its own, until the block is over."""
    over = threading.Event()
    threads = [threading.Thread(target=one, args=(over,)) for one in work]
    with ExitStack() as stack:
        for one in threads:
            stack.callback(one.join)
            one.start()
        stack.callback(over.set)
        yield


def figures_of(
    stack: Stack, template: str, count: int, customers: Customers
) -> Iterator[tuple[str, float]]:
    """Yield how fast a campaign was sent, and how long replies took beside it."""
    moments, took_ms = sent(stack, template), customers.took_ms()
    assert len(moments) == count, f"{len(moments)} of {count}"
    yield "sends/s of a campaign", (len(moments) - 1) / (moments[-1] - moments[0])
    if took_ms:
        yield "reply p50 ms beside it", statistics.median(took_ms)
        yield "reply p99 ms beside it", took_ms[int(len(took_ms) * 0.99)]


def sent(stack: Stack, template: str) -> list[float]:
    """Return when each message of a campaign was posted, sorted."""
    named = (
        one for one in stack.posted() if one["body"].get("template", {}).get("name") == template
    )
    return sorted(one["at"] for one in named)


def is_as_far(campaign: Any, count: int) -> bool:
    """Say whether a campaign has written to so many, or is over."""
    funnel = campaign["funnel"]
    ahead = funnel["waiting"] + funnel["queued"]
    if campaign["recipients"] == count:
        return bool(campaign["phase"] == "completed")
    return bool(campaign["recipients"] - ahead >= count)
