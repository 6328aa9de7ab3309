"""The gateway's parts in one process, where processes die, leases end and outcomes come late."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.core.outcome import Attempt, Outcome
from gateway.core.sends import callback, send_id
from gateway.settings import Settings
from gateway.store.body import Bodies
from gateway.store.client import Call, Store
from gateway.store.inbox import Batch, Inbox, Slice
from gateway.store.lanes import Lanes
from tasks.inbound import effect
from tasks.worker import Worker, build
from tests.faults.ledger import PREFIX, places
from tests.faults.passing import end_lane_waits, end_partition_leases
from tests.made import NUMBER, delivery_body, message_item, status_item
from tests.servers import Server
from tests.tasks.rig import Echo, keep

FAST = 1_000
Fate = Literal["accepted", "answered late", "lost", "refused", "killed"]
UNSEEN: tuple[Fate, ...] = ("refused",)  # what Meta surely did not take


class KilledError(BaseException):
    """The process is gone; no handler of ours may see it."""


class Mortal(Store):
    """A store whose process dies after so many script calls, even between those of one pipeline."""

    left: int | None = None

    def call_many(self, calls: Any) -> list[Any]:
        if self.left is None:
            return super().call_many(calls)
        done: list[Call] = list(calls)[: self.left]
        self.left -= len(done)
        results = super().call_many(done)
        if len(done) < len(calls):
            raise KilledError
        return results


class Unheard(ThreadPoolExecutor):
    """Rings no bell: who works, and when, is what the test decides."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        return Future()


@dataclass
class Crowd:
    """Many workers, dead and alive, and what Meta has seen of them."""

    store: Mortal
    at_work: Worker
    stale: list[tuple[Slice, Batch]] = field(default_factory=list)
    late: list[Outcome] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)  # sends that Meta may have taken
    order: list[tuple[str, int]] = field(default_factory=list)  # contact and message, as posted
    made: list[tuple[str, str, int]] = field(default_factory=list)  # contact, send, its attempt

    def message(self, number: int, contact: str) -> Any:
        return message_item(f"wamid.{number}", str(number), contact, 1_700_000_000 + number)

    def deliver(self, *items: Any) -> None:
        keep(self.store, delivery_body(*items))

    def tell(self, status: str, which: int) -> str:
        """Let a status of something that Meta took come, and return its send."""
        contact, send, attempt = self.made[which % len(self.made)]
        ours = callback(send, attempt)
        keep(
            self.store,
            delivery_body(statuses=[status_item(f"wamid.out.{send}", status, ours, contact)]),
        )
        return send

    def drain(self, dies_after: int | None = None) -> None:
        """Work off one batch; a worker that dies leaves its leases behind, and may come back."""
        held = Slice(self.store, Bodies())
        batch = Batch([], {}, full=False)
        self.store.left = dies_after
        try:
            batch = held.next()
            held.close(effect(self.at_work, batch, Echo()))
        except KilledError:
            self.stale.append((held, batch))
        finally:
            self.store.left = None

    def come_back(self) -> None:
        """Let those who were thought dead go on where they stood."""
        while self.stale:
            held, batch = self.stale.pop()
            held.close(effect(self.at_work, batch, Echo()))

    def pump(self, fates: list[Fate]) -> int:
        """Take attempts, let each have its fate, and return how many there were."""
        lanes = Lanes(self.store, NUMBER, FAST)
        attempts = lanes.pump([], len(fates)).attempts
        told = [self._meets(one, fate) for one, fate in zip(attempts, fates, strict=False)]
        lanes.pump([one for one in told if one], 0)
        return len(attempts)

    def _meets(self, attempt: Attempt, fate: Fate) -> Outcome | None:
        if fate in UNSEEN:
            return Outcome(attempt.send, attempt.number, "later", wait_ms=1_000)
        contact, message = attempt.body["to"].lstrip("+"), int(attempt.body["text"]["body"])
        self.reached[attempt.send] += 1
        self.order.append((contact, message))
        self.made.append((contact, attempt.send, attempt.number))
        accepted = Outcome(attempt.send, attempt.number, "accepted", f"wamid.out.{attempt.send}")
        if fate == "answered late":
            self.late.append(accepted)
        if fate == "lost":
            till = int(attempt.expires_at.timestamp() * 1000)
            return Outcome(attempt.send, attempt.number, "unconfirmed", wait_ms=till)
        return accepted if fate == "accepted" else None

    def learn(self) -> None:
        """Record what was learned late."""
        Lanes(self.store, NUMBER, FAST).pump(self.late, 0)
        self.late.clear()

    def pass_time(self) -> None:
        """Let every lease, pause and silence be over."""
        end_partition_leases(self.store.redis)
        end_lane_waits(self.store.redis)

    def stages(self) -> dict[str, str]:
        """Return the stage of every send on record."""
        client: Any = self.store.redis
        start = f"{PREFIX}send:"
        rows = [row.decode() for row in client.scan_iter(f"{start}*")]
        return {row.removeprefix(start): client.hget(row, "stage").decode() for row in rows}

    def places(self) -> Counter[str]:
        """Count in how many sets, each of which means another next step, every send stands."""
        return places(self.store.redis)

    def waiting(self) -> int:
        return sum(one.waiting for one in self.at_work.inbox.look())


def reply_to(number: int) -> str:
    """Return the id of the only reply to a message."""
    return send_id(f"message|{NUMBER}|wamid.{number}", "echo", 0)


def a_worker(server: Server, store: Store, folder: Path) -> Worker:
    """Build what a worker process holds, on a store of ours; it rings for nobody."""
    env = {
        "REDIS_URL": server.url,
        "META_APP_SECRET": "s",
        "META_VERIFY_TOKEN": "v",
        "META_ACCESS_TOKEN": "EAAtesttoken",
        "META_PHONE_NUMBER_ID": NUMBER,
        "GATEWAY_RULES": str(folder),
    }
    made = build(Settings.from_env(env))
    made.store.close()
    made.store, made.inbox, made.ringing = store, Inbox(store, Bodies()), Unheard(1)
    return made
