"""How long replies take while a crowd of scheduled messages is due in the same second."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.core.api.message_request import MessageRequest, read_request
from gateway.store import keys, number_list
from gateway.store.api.accept_calls import accept_call, load_call, plan_group
from gateway.store.api.pending_send import AcceptedSend, PendingSend
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

SANDBOX = {"answer_after_s": 0.05, "statuses": False}
AT_ONCE = 64
REPLIES, EVERY_S = 400, 0.05


@dataclass(frozen=True)
class Crowd:
    """Milliseconds from webhook to POST of each reply, and scheduled messages sent a second."""

    replies_ms: list[float]
    per_second: float


class Scheduled:
    """A gateway with a crowd of scheduled messages, and customers who write meanwhile."""

    def __init__(self, folder: Path, server: Server, pace: int) -> None:
        self.server = server
        env = {"GATEWAY_LOG_LEVEL": "warning", "META_MESSAGES_PER_SECOND": str(pace)}
        self.stack = Stack(folder, server, **env)

    def measure(self, count: int) -> Crowd:
        """Schedule so many messages for one moment, and answer customers from that moment on."""
        self.stack.start(sandbox=SANDBOX)
        with contextlib.closing(Store(self.server.url)) as store:
            number_list.add_number(store, NUMBER)
            _schedule(store, count)
        began, written = time.time(), dict(self._write())
        ended = time.time()
        wait_until(lambda: written.keys() <= self._posted().keys(), "each is answered", 120)
        posted = self._posted()
        others = [at for to, at in posted.items() if to not in written and began < at <= ended]
        took = [(posted[one] - at) * 1_000 for one, at in written.items()]
        return Crowd(sorted(took), len(others) / (ended - began))

    def _write(self) -> Iterator[tuple[str, float]]:
        """Let customers write at a steady pace; yield who wrote when."""
        began = time.time()
        for i in range(REPLIES):
            time.sleep(max(0.0, began + i * EVERY_S - time.time()))
            at, customer = time.time(), f"3517{i:08d}"
            self.stack.post(delivery_body(message_item(f"wamid.crowd{i}", "color", customer)))
            yield customer, at

    def _posted(self) -> dict[str, float]:
        return {one["to"].lstrip("+"): one["at"] for one in self.stack.posted()}

    def stop(self) -> None:
        self.stack.stop()


def _schedule(store: Store, count: int) -> None:
    """Store messages that are due at one moment, as the API does, and let the moment come."""
    loop = asyncio.new_event_loop()
    due_at = datetime.now(UTC) + timedelta(hours=1)
    for start in range(0, count, AT_ONCE):
        group = [_pending(i, due_at, loop) for i in range(start, min(count, start + AT_ONCE))]
        plan_group(group, store.call_many([load_call(NUMBER, group)])[0])
        store.call_many([accept_call(NUMBER, group)])
    loop.close()
    due = f"{keys.number(NUMBER)}due"
    members: Any = store.redis.zrange(due, 0, -1)
    for start in range(0, count, 10_000):
        store.redis.zadd(
            due, dict.fromkeys(members[start : start + 10_000], int(time.time() * 1_000))
        )


def _pending(i: int, due_at: datetime, loop: asyncio.AbstractEventLoop) -> PendingSend:
    template: dict[str, Any] = {"name": "order_sent", "language": "en"}
    fields = {"to": f"+3518{i:08d}", "template": template, "send_at": due_at.isoformat()}
    request = read_request(fields)
    assert isinstance(request, MessageRequest)
    future: asyncio.Future[AcceptedSend] = loop.create_future()
    return PendingSend(NUMBER, request, None, 0, future)
