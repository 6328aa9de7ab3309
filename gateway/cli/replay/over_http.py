"""Deliveries posted as Meta would, many conversations at once and each in its order."""

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from queue import Queue
from types import TracebackType
from typing import Self

import httpx

from gateway.cli.common.delivery_source import Item
from gateway.core.event_keys import conversation
from gateway.core.webhook.signature import HEADER, sign

# Longer than the gateway ever takes: Meta itself would have given up before.
TIMEOUT_S = 30.0
WAITING = 2  # deliveries before each lane, so that no lane waits for the one who reads

Answered = Callable[[Item, int, int], None]  # with the status, and how many ms it took


@dataclass(frozen=True, slots=True)
class Failed:
    """The first delivery that nobody answered, and why."""

    item: Item
    error: Exception


class Lanes:
    """Posts on several connections; what names one customer goes through one of them."""

    def __init__(self, url: str, secret: bytes, count: int, answered: Answered) -> None:
        """Take where to post, what to sign with, and what is told of each answer, one by one."""
        self._url = url
        self._secret = secret
        self._answered = answered
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._queues: list[Queue[Item | None]] = [Queue(WAITING) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=[queue], daemon=True) for queue in self._queues
        ]
        self.failed: Failed | None = None

    def __enter__(self) -> Self:
        """Begin to post."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Wait for what is under way; after an error, what waits is not posted any more."""
        if error:
            self._over.set()
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def wait(self, due: float) -> bool:
        """Wait for a moment of the monotonic clock; false where nothing can be posted any more."""
        return not self._over.wait(max(0.0, due - time.monotonic()))

    def post(self, item: Item) -> None:
        """Post it, as soon as its lane is free."""
        body = item.delivery.body
        lane = zlib.crc32(conversation(body) or body[:4096]) % len(self._queues)
        self._queues[lane].put(item)

    def _work(self, queue: Queue[Item | None]) -> None:
        with httpx.Client(trust_env=False, timeout=TIMEOUT_S) as client:
            while (item := queue.get()) is not None:
                # What waited while another lane met nobody is taken, so that the queue is free.
                if not self._over.is_set():
                    self._one(client, item)

    def _one(self, client: httpx.Client, item: Item) -> None:
        body = item.delivery.body
        started = time.monotonic()
        try:
            headers = {"content-type": "application/json", HEADER: sign(body, self._secret)}
            status = client.post(self._url, content=body, headers=headers).status_code
        except Exception as error:  # whatever it is, nobody may wait for this lane for ever
            with self._lock:
                self.failed = self.failed or Failed(item, error)
            self._over.set()
            return
        took_ms = round((time.monotonic() - started) * 1000)
        with self._lock:
            self._answered(item, status, took_ms)
