"""Campaigns: the pace that one holds, and how long replies take meanwhile."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from celery import Celery

from tests.bench.recipe import Recipe
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.store.campaigns import csv_of

KEY = "a-key-of-the-benchmark"
PACES = (300, 1_000)
SECONDS = 8  # of sending at each pace
RECIPE_RECIPIENTS = 2_000
REPLIES_PER_S = 20
SANDBOX = {"statuses": True, "log_max": 1_000_000}
LONG_PACE = 300  # of a run with so many recipients as are asked for
# In such a run the statuses of a second come one by one, and in ever larger deliveries.
LONG_SANDBOX = {**SANDBOX, "batch_wait_s": 1.0}
BATCHES, BATCHES_FOR_S = (1, 30, 1_000), 5.0
TEMPLATE = {"name": "spring", "language": "en", "params": ["{{ first }}"]}


class Campaigning:
    """The gateway with a campaign at its pace, and customers who write meanwhile."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)

    def measure(self, recipients: int = 0) -> Iterator[tuple[str, float]]:
        """Yield the rows of the table: of short runs, or of a long one with so many recipients."""
        self.stack.start(sandbox=LONG_SANDBOX if recipients else SANDBOX)
        runs = [(LONG_PACE, recipients)] if recipients else [(one, one * SECONDS) for one in PACES]
        for turn, (pace, count) in enumerate(runs):
            id_ = self._draft(turn, pace, count)
            took_ms = self._run(id_, f"spring{turn}", turn, 300 + count, varies=bool(recipients))
            moments = self._moments(f"spring{turn}")
            assert len(moments) == count, f"{len(moments)} of {count}"
            yield f"sends/s of a campaign, pace {pace:,}", _rate(moments)
            yield f"reply p50 ms beside a pace of {pace:,}", statistics.median(took_ms)
            yield f"reply p99 ms beside a pace of {pace:,}", took_ms[int(len(took_ms) * 0.99)]

    def _draft(self, turn: int, pace: int, count: int) -> str:
        template = TEMPLATE | {"name": f"spring{turn}"}
        fields = {"name": "spring", "template": template, "pace": pace, "first": {"size": 0}}
        content, kind = csv_of(count, turn * 100_000), {"content-type": "text/csv"}
        with self._api() as api:
            id_ = str(api.post("/campaigns", json=fields).raise_for_status().json()["id"])
            api.put(f"/campaigns/{id_}/audience", content=content, headers=kind).raise_for_status()
            api.post(f"/campaigns/{id_}/check").raise_for_status()
        return id_

    def _run(self, id_: str, name: str, turn: int, within_s: float, *, varies: bool) -> list[float]:
        """Start the campaign; return how long replies took until it was complete, sorted."""
        wrote: dict[str, float] = {}
        over = threading.Event()

        def write() -> None:
            for i in itertools.count():
                customer = f"3519{turn + 1}{i:07d}"
                body = delivery_body(message_item(f"wamid.{name}.{i}", "color", customer))
                wrote[customer] = time.time()
                self.stack.post(body)
                if over.wait(1 / REPLIES_PER_S):
                    return

        vary: Callable[[], None] = partial(self._vary_batches, over)
        work = [write, vary][: 1 + varies]
        threads = [threading.Thread(target=one) for one in work]
        with self._api() as api:
            api.post(f"/campaigns/{id_}/start").raise_for_status()
            for one in threads:
                one.start()
            try:
                done = partial(self._is_complete, api, id_)
                wait_until(done, "it is complete", within_s)
            finally:
                over.set()
                for one in threads:
                    one.join()
        wait_until(lambda: set(wrote) <= set(self._replies()), "all replies are posted", 60)
        replies = self._replies()
        return sorted((replies[one] - at) * 1_000 for one, at in wrote.items())

    def _vary_batches(self, over: threading.Event) -> None:
        """Let the sandbox put more and more statuses into one delivery, and begin again."""
        for most in itertools.cycle(BATCHES):
            form = {"batch_max": most}
            httpx.post(f"{self.stack.meta_url}/sandbox/batch", json=form).raise_for_status()
            if over.wait(BATCHES_FOR_S):
                return

    def _is_complete(self, api: httpx.Client, id_: str) -> bool:
        time.sleep(0.2)
        answer = api.get(f"/campaigns/{id_}")
        return answer.is_success and answer.json()["phase"] == "completed"

    def _replies(self) -> dict[str, float]:
        posted = [one for one in self.stack.posted() if "text" in one["body"]]
        return {one["to"].removeprefix("+"): one["at"] for one in posted}

    def _moments(self, template: str) -> list[float]:
        posted = self.stack.posted()
        named = (one for one in posted if one["body"].get("template", {}).get("name") == template)
        return sorted(one["at"] for one in named)

    def _api(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.Client(base_url=f"{self.stack.api}/v1", headers=headers, timeout=120)

    def stop(self) -> None:
        self.stack.stop()


class RecipeCampaign(Recipe):
    """The usual recipe's group and chord, which the benchmark brings along."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder, server, Path(__file__).parent / "usual" / "campaign_recipe.py")
        self.sandbox = Stack(folder / "meta", server)
        self.env["META_GRAPH_URL"] = self.sandbox.meta_url

    def measure(self) -> Iterator[tuple[str, float]]:
        """Yield its one row, beside both paces: it sends as fast as it can."""
        self.sandbox.start("sandbox", sandbox={"statuses": False})
        self._run("worker", ["celery", "-A", self.app.stem, "worker", "-Q", "bulk", "-c", "4"])
        recipients = [f"+3519{i:08d}" for i in range(RECIPE_RECIPIENTS)]
        template = {"name": "spring", "language": {"code": "en"}}
        message = {"type": "template", "template": template}
        self._call("process_broadcast_campaign", "1", recipients, message)
        wait_until(lambda: len(self.sandbox.posted()) >= RECIPE_RECIPIENTS, "all are sent", 300)
        rate = _rate(sorted(one["at"] for one in self.sandbox.posted()))
        for pace in PACES:
            yield f"sends/s of a campaign, pace {pace:,}", rate

    def _call(self, task: str, *args: Any) -> None:
        with Celery("bench", broker=self.env["REDIS_URL"]) as app:
            app.send_task(task, args=args, queue="bulk")

    def stop(self) -> None:
        super().stop()
        self.sandbox.stop()


def _rate(moments: list[float]) -> float:
    return (len(moments) - 1) / (moments[-1] - moments[0])
