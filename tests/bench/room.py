"""What an answered message takes of the store's memory at each age, read from a real server.

A message from a customer of its own, answered by a rule with a text of a hundred letters, then
sent, delivered and read. Everything is done as workers do it, batch by batch, without processes.
"""

import base64
import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message
from gateway.core.messages import text
from gateway.core.planning.batch import plan
from gateway.core.planning.decision import Action, Decision, FiredRule, RuleDecider
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.sending.send import callback_data
from gateway.core.webhook.parser import split
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.partitions import partition_of
from gateway.store.maintenance import retention
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Call, Store
from gateway.store.sending.compaction import Compaction
from gateway.store.sending.lanes import Lanes
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.servers import wait_until

PREFIX = keys.number(NUMBER)
WEEK, AT_ONCE = timedelta(days=7), 200
SAID = "Thank you for writing. Somebody will look at your order within the hour; we let you know."
PRICE = {"billable": True, "pricing_model": "PMP", "category": "service", "type": "regular"}


class Answering:
    """Answers each message."""

    version = "v1-4d5e6f7a8b9c"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if not isinstance(event, Message):
            return Decision()
        fired = FiredRule("order-received", "text is order", (Action("send_text", text(SAID)),))
        return Decision((fired,))


class Answered:
    """Messages of customers, brought from age to age."""

    def __init__(
        self, store: Store, count: int, rulebook: RuleDecider | None = None, first: int = 0
    ) -> None:
        """Take the store and how many messages there are, and what answers which customers."""
        self.store, self.count, self.bodies = store, count, Bodies()
        self.rulebook, self.first = rulebook or Answering(), first
        self.lanes = Lanes(store, NUMBER, 100_000)
        self.taken: list[tuple[str, str, str]] = []
        self.planned_per_s = self.compacted_per_s = 0.0

    def answer(self) -> None:
        """Let each customer write once more, and have an answer that they read."""
        self._keep()
        self._take_effect()
        self._send()
        self._tell()

    def ages(self) -> Iterator[tuple[str, int]]:
        """Yield the name of each age, and the bytes of one message then."""
        number_list.add_number(self.store, NUMBER)
        empty = self._used()
        for name, grow_older in (
            ("kept", self._keep),
            ("planned", self._plan),
            ("accepted", self._send),
            ("sent, delivered and read", self._tell),
            ("compacted", self._compact),
            ("after the retention", self._forget_texts),
            ("after the results", self._forget_results),
        ):
            grow_older()
            yield name, (self._used() - empty) // self.count

    def _used(self) -> int:
        wait_until(self._is_freed, "what was deleted is freed")
        return int(self.store.redis.info("memory")["used_memory"])

    def _is_freed(self) -> bool:
        return not self.store.redis.info("memory")["lazyfree_pending_objects"]

    def _keep(self) -> None:
        asked = "order 42, please"
        customers = (customer(self.first + i) for i in range(self.count))
        items = (message_item(new_wamid(), asked, one) for one in customers)
        self._deliver([delivery_body(item) for item in items])

    def _deliver(self, bodies: list[bytes]) -> None:
        for some in _some(bodies):
            self.store.call_many([self._kept(body) for body in some])

    def _kept(self, body: bytes) -> Call:
        prefix = keys.partition(partition_of(body))
        return Call("keep", prefix, ["meta|0|", self.bodies.pack(body)])

    def _plan(self) -> None:
        began = time.monotonic()
        self._take_effect()
        self.planned_per_s = self.count / (time.monotonic() - began)

    def _take_effect(self) -> None:
        inbox = Inbox(self.store, self.bodies)
        # On a busy machine a lease runs out before all is read.
        while any(one.has_work for one in inbox.partition_states()):
            with inbox.lease() as held:
                while not (batch := held.next_batch()).is_empty:
                    self._commit([one for kept in batch.deliveries for one in split(kept)])

    def _commit(self, events: Sequence[Event]) -> None:
        (view,) = load(self.store, {NUMBER: events})
        plans = plan(view, events, self.rulebook).plans
        assert commit(self.store, plans, WEEK) == [True] * len(plans)

    def _send(self) -> None:
        self.taken = []
        settled: list[Outcome] = []
        while len(self.taken) < self.count or settled:
            settled = [self._settle(one) for one in self.lanes.pump(settled, AT_ONCE).attempts]
            # Neither the pace of the number nor that of a customer is what is measured.
            self.store.redis.hdel(f"{PREFIX}tokens", "tokens")

    def _settle(self, one: Attempt) -> Outcome:
        self.taken.append((one.send, wamid := new_wamid(), one.contact.key))
        note = '{"outcome":"accepted","ms":231,"message_status":"accepted"}'
        return Outcome(one.send, one.ordinal, "accepted", wamid, history_json=note)

    def _tell(self) -> None:
        for status in ("sent", "delivered", "read"):
            items = (
                status_item(wamid, status, callback_data(send, 1), to) | {"pricing": PRICE}
                for send, wamid, to in self.taken
            )
            self._deliver([delivery_body(statuses=(item,)) for item in items])
            self._take_effect()

    def _compact(self) -> None:
        began = time.monotonic()
        done = Compaction(self.store, self.bodies, WEEK).run([NUMBER], 0, budget_s=600)
        self.compacted_per_s = done / (time.monotonic() - began)
        assert done == self.count, done

    def _forget_texts(self) -> None:
        retention.trim(self.store, timedelta(0))
        while self.store.call("forget_records", PREFIX, 1):
            pass
        while self.store.call("prune", PREFIX, 0, 30 * keys.DAY_MS, 8 * keys.DAY_MS, 1):
            pass

    def _forget_results(self) -> None:
        while self.store.call("prune", PREFIX, 0, 0, 0, 1):
            pass


def new_wamid() -> str:
    """Make an id as long as Meta's."""
    return "wamid." + base64.b64encode(secrets.token_bytes(42)).decode()


def customer(i: int) -> str:
    return f"3519{i:08d}"


def _some(bodies: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(bodies), AT_ONCE):
        yield bodies[start : start + AT_ONCE]
