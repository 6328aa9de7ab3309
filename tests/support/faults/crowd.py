"""The gateway's parts in one process, where processes die, leases end and outcomes come late."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.sending.response import Answer, Lost, Responded
from gateway.core.sending.send import REPLY, callback_data, parse_callback_data, send_id
from gateway.store.body_codec import Bodies
from gateway.store.inbox.lease import Batch, LeasedPartitions
from gateway.store.sending.lanes import Lanes
from tasks import inbound, outbound
from tasks.context import WorkerContext
from tasks.inbound import process_batch
from tasks.scheduled.unconfirmed import repeat_lost_sends
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.faults.elapsed_time import (
    end_confirm_waits,
    end_lane_waits,
    end_pair_waits,
    end_partition_leases,
)
from tests.support.faults.ledger import PREFIX, places
from tests.support.faults.unsteady_store import Loss, Unsteady
from tests.support.tasks.worker_state import Echo, for_all, keep

FAST = 1_000
Fate = Literal["accepted", "answered late", "frozen", "lost", "refused", "killed"]
MOST_REFUSED = 3  # times in a row, so that no send is given up or waits for longer than a lane may
REFUSED = Responded(400, b'{"error": {"code": 131000, "message": "try later"}}')


@dataclass
class Crowd:
    """Many workers, dead and alive, and what Meta has seen of them."""

    store: Unsteady
    at_work: WorkerContext
    stale: list[tuple[str, LeasedPartitions, Batch]] = field(default_factory=list)
    late: list[Outcome] = field(default_factory=list)
    unposted: set[str] = field(default_factory=set)  # sends taken by who posted them not or late
    reached: Counter[str] = field(default_factory=Counter)  # sends that Meta may have taken
    answered: set[str] = field(default_factory=set)  # sends that are known to be accepted
    order: list[tuple[str, str, int]] = field(default_factory=list)  # contact, send, message
    made: list[tuple[str, str, int]] = field(default_factory=list)  # contact, send, its attempt
    strange: int = 0  # statuses of messages that are not ours
    reports: int = 0  # of parents whose child has died
    fates: list[Fate] = field(default_factory=list)  # of what a worker that lives posts next

    def message(self, number: int, contact: str) -> Any:
        return message_item(f"wamid.{number}", str(number), contact)

    def deliver(self, *items: Any, statuses: int = 0) -> None:
        """Let a delivery come, with so many statuses of messages that are not ours."""
        begins = self.strange
        self.strange += statuses
        told = [
            status_item(f"wamid.strange.{i}", "sent", to=f"3518{i % 300:08d}")
            for i in range(begins, self.strange)
        ]
        keep(self.store, delivery_body(*items, statuses=told))

    def tell(self, status: str, which: int) -> str:
        """Let a status of something that Meta took come, and return its send."""
        contact, send, attempt = self.made[which % len(self.made)]
        ours = callback_data(send, attempt)
        keep(
            self.store,
            delivery_body(statuses=[status_item(f"wamid.out.{send}", status, ours, contact)]),
        )
        return send

    def drain(self, dies_after: int | None = None) -> None:
        """Work off one batch; a worker that dies leaves its leases behind, and may come back."""
        process = f"model-{secrets.token_hex(4)}"
        held = LeasedPartitions(self.store, Bodies(), process)
        self.stale.append((process, held, Batch()))
        with self.store.dying(dies_after):
            batch = held.next_batch()
            self.stale[-1] = process, held, batch
            held.close(process_batch(self.at_work, held, batch, for_all(self.at_work, Echo())))
            self.stale.pop()

    def report_death(self) -> None:
        """Let a parent say that the one who stopped last is dead; that one may still come back."""
        if self.stale:
            self.reports += 1
            self.at_work.inbox.report_death(self.stale[-1][0])

    def drain_unheard(self, loss: Loss | None = None) -> None:
        """Let a worker that lives run its task; one answer of the store may be lost on the way."""
        with self.store.unheard(loss):
            inbound.drain()

    def pump_unheard(self, loss: Loss | None = None, fates: Sequence[Fate] = ()) -> None:
        """Let a sender that lives run its task; one answer of the store may be lost on the way."""
        self.fates = list(fates)
        with self.store.unheard(loss):
            outbound.pump(NUMBER, REPLY)
        # Its next call gives back what the lost one took, if it comes before their leases end.
        taken = {send for send, stage in self.stages().items() if stage == "attempting"}
        self.unposted |= taken - set(self.reached)

    def resolve_unheard(self, loss: Loss | None = None) -> None:
        """Let an operator's `always` be carried out for all that is in doubt."""
        end_confirm_waits(self.store.redis)
        standings = self.at_work.inbox.partition_states()
        with self.store.unheard(loss):
            repeat_lost_sends(self.at_work, NUMBER, standings)

    def come_back(self) -> None:
        """Let those who were thought dead go on where they stood."""
        while self.stale:
            _, held, batch = self.stale.pop()
            held.close(process_batch(self.at_work, held, batch, for_all(self.at_work, Echo())))

    def pump(self, fates: list[Fate]) -> int:
        """Take attempts, let each have its fate, and return how many there were."""
        lanes = Lanes(self.store, NUMBER, FAST)
        attempts = lanes.pump([], len(fates)).attempts
        told = [self._meets(one, fate) for one, fate in zip(attempts, fates, strict=False)]
        lanes.pump([one for one in told if one], 0)
        return len(attempts)

    def _meets(self, attempt: Attempt, fate: Fate) -> Outcome | None:
        later = Outcome(attempt.send, attempt.ordinal, "later", wait_ms=1_000)
        if fate == "refused":
            return later
        if fate == "frozen":  # It goes on when its lease is over, and begins nothing any more.
            self.unposted.add(attempt.send)
            self.late.append(later)
            return None
        self._had(attempt.body, attempt.send, attempt.ordinal)
        accepted = Outcome(attempt.send, attempt.ordinal, "accepted", f"wamid.out.{attempt.send}")
        if fate in ("accepted", "answered late"):
            self.answered.add(attempt.send)
        if fate == "answered late":
            self.late.append(accepted)
        if fate == "lost":
            till = int(attempt.expires_at.timestamp() * 1000)
            return Outcome(attempt.send, attempt.ordinal, "unconfirmed", wait_ms=till)
        return accepted if fate == "accepted" else None

    def post_message(self, _: str, body: Mapping[str, Any], __: object) -> Answer:
        """Be Meta for the worker's own tasks."""
        send, attempt = parse_callback_data(body["biz_opaque_callback_data"])
        fate = self.fates.pop(0) if self.fates else "accepted"
        if fate == "refused" and int(attempt) <= MOST_REFUSED:
            return REFUSED
        self._had(body, send, int(attempt))
        if fate == "lost":
            return Lost("ReadTimeout")
        self.answered.add(send)
        return Responded(200, json.dumps({"messages": [{"id": f"wamid.out.{send}"}]}).encode())

    def _had(self, body: Mapping[str, Any], send: str, attempt: int) -> None:
        contact, message = body["to"].lstrip("+"), int(body["text"]["body"])
        self.reached[send] += 1
        self.order.append((contact, send, message))
        self.made.append((contact, send, attempt))

    def learn(self) -> None:
        """Record what was learned late."""
        Lanes(self.store, NUMBER, FAST).pump(self.late, 0)
        self.late.clear()

    def pass_time(self) -> None:
        """Let every lease, pause and silence be over."""
        end_partition_leases(self.store.redis)
        end_lane_waits(self.store.redis)
        end_pair_waits(self.store.redis)

    def repeated(self) -> set[str]:
        """Return the sends that were put back on the operator's word."""
        rows = {send: f"{PREFIX}send:{send}" for send in self.stages()}
        return {send for send, row in rows.items() if self.store.redis.hexists(row, "repeated")}

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
        return sum(one.waiting for one in self.at_work.inbox.partition_states())


def reply_to(number: int) -> str:
    """Return the id of the only reply to a message."""
    return send_id(f"message|{NUMBER}|wamid.{number}", "echo", 0)
