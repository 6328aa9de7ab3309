"""How many events a second are forwarded to twenty receivers that take 20 ms for an answer."""

import base64
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from celery import Celery

from tests.bench.load import load
from tests.bench.recipe import Recipe
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack, plain_client

RECEIVERS, DELAY_MS = 20, 20
# Messages, each of which goes to all receivers; the recipe is slower, and needs no more.
MESSAGES, OF_RECIPE = 500, 15
REPLIES, EVERY_S = 300, 0.05
SECRET = f"whsec_{base64.b64encode(b'b' * 32).decode()}"
NAME = f"forwards/s, {RECEIVERS} receivers {DELAY_MS} ms away, one worker process"
BESIDE_A_DEAD_ONE = f"{NAME}, beside a dead receiver"


class SlowReceivers:
    """The process of the receivers, and what it says of the posts."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port() for _ in range(RECEIVERS)]
        self.urls = [f"http://127.0.0.1:{port}/events" for port in self.ports]
        self._folder = folder
        self._client: httpx.Client = plain_client()
        self._program: Program | None = None

    def start(self) -> None:
        args = [sys.executable, "-m", "tests.bench.receivers", str(DELAY_MS), *map(str, self.ports)]
        self._program = Program(args, {}, self._folder / "receivers.log")
        wait_until(self._answers, "the receivers answer")

    def answered(self) -> tuple[int, float]:
        """Return how many posts were answered, and the seconds from the first to the last."""
        count, took_s = self._client.get(self.urls[0]).json()
        return int(count), float(took_s)

    def rate(self, count: int) -> float:
        """Wait until so many posts were answered; return how many a second."""
        wait_until(lambda: self.answered()[0] >= count, "all posts are answered", 600)
        answered, took_s = self.answered()
        return (answered - 1) / took_s

    def stop(self) -> None:
        if self._program:
            self._program.kill()
        self._client.close()

    def _answers(self) -> bool:
        try:
            return self.answered()[0] == 0
        except httpx.HTTPError:
            return False


class Forwarding:
    """The gateway with messages that wait for receivers, and its one worker that posts."""

    def __init__(self, folder: Path, server: Server, *, beside_a_dead_one: bool = False) -> None:
        self.receivers = SlowReceivers(folder)
        # Connections are taken by the system, and nobody reads what comes.
        self._dead = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", BENCH_SECRET=SECRET)
        urls = list(self.receivers.urls)
        if beside_a_dead_one:
            urls.append(f"http://127.0.0.1:{self._dead.getsockname()[1]}/events")
        self.name = BESIDE_A_DEAD_ONE if beside_a_dead_one else NAME
        (folder / "rules.yaml").write_text(rules_for(urls))

    def measure(self) -> Iterator[tuple[str, float]]:
        """Let messages wait for all receivers, then start the worker that posts."""
        stack = self.stack
        stack.start("web")
        load(stack.web_port, "f", "hello", MESSAGES, 600, contacts=MESSAGES)
        self.receivers.start()
        stack.run_one_worker()
        wait_until(lambda: stack.worked_off() >= MESSAGES, "all events are planned", 120)
        stack.run("outgoing")
        yield self.name, self.receivers.rate(MESSAGES * RECEIVERS)

    def stop(self) -> None:
        self.stack.stop()
        self.receivers.stop()
        self._dead.close()


class Answering:
    """The gateway that answers each message and forwards it, to a receiver that takes it or not."""

    def __init__(self, folder: Path, server: Server, *, is_dead: bool) -> None:
        self.receivers = SlowReceivers(folder)
        self._dead = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", BENCH_SECRET=SECRET)
        self.dead_url = dead = f"http://127.0.0.1:{self._dead.getsockname()[1]}/events"
        self.name = f"where each is forwarded to a {'dead' if is_dead else 'quick'} receiver"
        answers = "rules:\n  - {name: it, then: Yes.}\n"
        forwards = rules_for([dead if is_dead else self.receivers.urls[0]])
        (folder / "rules.yaml").write_text(forwards.replace("rules: []\n", answers))

    def measure(self, seconds: float) -> Iterator[tuple[str, float]]:
        """Yield how long each of many replies takes, and how many deliveries a second are kept."""
        stack = self.stack
        stack.start(sandbox={"statuses": False})
        self.receivers.start()
        stack.run("outgoing")
        wrote = dict(self._write())
        wait_until(lambda: wrote.keys() <= self._posted().keys(), "each is answered", 120)
        posted = self._posted()
        for customer, at in wrote.items():
            yield f"webhook to POST ms, {self.name}", (posted[customer] - at) * 1_000
        kept = load(stack.web_port, "k", "hello", 200_000, seconds)
        yield f"kept/s, 32 connections, {self.name}", kept["per_second"]

    def _write(self) -> Iterator[tuple[str, float]]:
        """Let customers write at a steady pace; yield who wrote when."""
        began = time.time()
        for i in range(REPLIES):
            time.sleep(max(0.0, began + i * EVERY_S - time.time()))
            at, customer = time.time(), f"3517{i:08d}"
            self.stack.post(delivery_body(message_item(f"wamid.a{i}", "color", customer)))
            yield customer, at

    def _posted(self) -> dict[str, float]:
        return {one["to"].lstrip("+"): one["at"] for one in self.stack.posted()}

    def stop(self) -> None:
        self.stack.stop()
        self.receivers.stop()
        self._dead.close()


class RecipeForwarding(Recipe):
    """The usual recipe: a task for each event and receiver, and one worker process."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder, server, Path(__file__).parent / "usual" / "forwarding_recipe.py")
        self.receivers = SlowReceivers(folder)

    def measure(self) -> Iterator[tuple[str, float]]:
        """Queue a task for each event and receiver, then start the worker."""
        self.receivers.start()
        with Celery("bench", broker=self.env["REDIS_URL"]) as app:
            for i in range(OF_RECIPE):
                for url in self.receivers.urls:
                    event = message_item(f"wamid.{i}", "hello", at=int(time.time()))
                    app.send_task("forward_event", args=(url, event), queue="default")
        self.run_one_worker()
        rate = self.receivers.rate(OF_RECIPE * RECEIVERS)
        for name in (NAME, BESIDE_A_DEAD_ONE):
            yield name, rate

    def stop(self) -> None:
        super().stop()
        self.receivers.stop()


def rules_for(urls: list[str]) -> str:
    """Return rules by which each of these receivers gets every message."""
    receivers = "".join(
        f"  - {{to: r{i}, url: '{url}', secret: BENCH_SECRET, events: [message]}}\n"
        for i, url in enumerate(urls)
    )
    return f"version: 1\nforwards:\n{receivers}rules: []\n"
