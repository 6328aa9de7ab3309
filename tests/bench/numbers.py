"""How long one process takes for what many numbers owe, and how long a quiet number waits."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.store.redis.client import Store
from tests.support.owed_sends import owe
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

SANDBOX = {"answer_after_s": 0.1, "statuses": False, "any_number": True}
PER_SECOND, EACH, QUIET = 80, 160, "200000000009999"
RING = """
import sys
from tasks.wakeup import ring_anyway
for line in sys.stdin:
    ring_anyway(line.strip(), "reply")
"""


@dataclass(frozen=True)
class Took:
    """Seconds until all busy numbers were done, and until a quiet one's reply was posted."""

    busy_s: float
    quiet_s: float


class Numbers:
    """Numbers that owe replies, and one process that sends them."""

    def __init__(self, folder: Path, server: Server) -> None:
        lasting = {"META_MESSAGES_PER_SECOND": str(PER_SECOND)}
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", **lasting)
        self.store = Store(server.url)

    def send(self, numbers: int) -> Took:
        """Let so many numbers send all they owe, and one more a single reply meanwhile."""
        busy = [f"2{i:014}" for i in range(numbers)]
        self.stack.start("sandbox", sandbox=SANDBOX)
        for number in busy:
            owe(self.store, number, EACH)
        owe(self.store, QUIET, 1)
        self.stack.run("outbound")
        rung_at = self._ring_in_turn(busy)
        posted = self.stack.posted()
        quiet_at = next(one["at"] for one in posted if one["number"] == QUIET)
        moments = sorted(one["at"] for one in posted if one["number"] != QUIET)
        return Took(moments[-1] - moments[0], quiet_at - rung_at)

    def _ring_in_turn(self, busy: list[str]) -> float:
        """Ring for the busy, then for the quiet one; return when that was, once all is sent."""
        command = [sys.executable, "-c", RING]
        env = os.environ | self.stack.env
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, text=True) as bells:
            assert bells.stdin
            print(*busy, sep="\n", file=bells.stdin, flush=True)
            wait_until(lambda: self._accepted() > len(busy) * EACH // 4, "they are busy", 120)
            rung_at = time.time()
            print(QUIET, file=bells.stdin, flush=True)
            wait_until(lambda: self._accepted() > len(busy) * EACH, "all is sent", 600)
        return rung_at

    def stop(self) -> None:
        self.stack.stop()
        self.store.close()

    def _accepted(self) -> int:
        pace = self.stack.client.get(f"{self.stack.meta_url}/sandbox/pace").json()
        return sum(int(one["accepted"]) for one in pace.values())
