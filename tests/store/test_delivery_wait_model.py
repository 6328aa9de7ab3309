"""One lane whose messages must be delivered first: they go in order, one by one, whatever happens.

The model knows when each message was posted and what was told of it, and judges each new post.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.sending.send import DELIVERY_WAIT, Send
from gateway.store.redis.client import Store
from tests.support.factories import ANA
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, a_send, queue_at_once, row, settle, stage, take, tell

pytestmark = pytest.mark.store
LEASE_S, WAIT_S, SLACK_S = 30, DELIVERY_WAIT.total_seconds(), 3
NAMES = "abcd"
STEPS = ("accepted", "accepted", "later", "unconfirmed", "dead", "sent", "delivered", "read")
PASSES = ("pass 4", "pass 12", "pass 31", "pass 50")
MOMENTS = ("attempting_at", "rest_began", "rest_until")
OPERATIONS = st.tuples(st.sampled_from([*STEPS, *PASSES]), st.integers(0, 3))


@dataclass
class Message:
    """A send in the model's eyes."""

    send: Send
    waits: bool
    posted_s: float = 0.0
    attempts: int = 0
    is_open: bool = False  # its latest attempt has no outcome yet
    is_at_meta: bool = False  # as far as its worker knows
    told: set[str] = field(default_factory=set)

    @property
    def lets_go(self) -> bool:
        """Say whether nothing has to wait for it, whenever it was posted."""
        return not (self.waits and self.is_at_meta) or not self.told.isdisjoint(ENDS)


ENDS = {"delivered", "read"}


class Lane:
    """The lane of one customer, with four messages."""

    def __init__(self, store: Store, waits: list[bool]) -> None:
        self.store, self.now_s = store, 0.0
        self.messages = [
            Message(a_send(name, delivery_wait=DELIVERY_WAIT if wait else timedelta(0)), wait)
            for name, wait in zip(NAMES, waits, strict=True)
        ]
        queue_at_once(store, *(one.send for one in self.messages))

    def do(self, step: str, index: int) -> None:
        """Let one thing happen, and judge what is posted then."""
        word, _, seconds = step.partition(" ")
        message = self.messages[index]
        if word == "pass":
            self.pass_time(int(seconds))
        elif word in ("sent", "delivered", "read"):
            self.tell(word, message)
        elif message.is_open:
            self.settle(word, message)
        self.judge(take(self.store))

    def judge(self, names: list[str]) -> None:
        """Judge what a pump took, and that it took nobody who is at work for dead."""
        assert len(names) <= 1, "two of one lane at once"
        for name in names:
            index = NAMES.index(name)
            message, before = self.messages[index], self.messages[:index]
            for other in self.messages:
                age_s = self.now_s - other.posted_s
                assert not other.is_open or age_s >= LEASE_S - SLACK_S, "another is being posted"
                other.is_open = False
            assert all(one.attempts for one in before), "out of order"
            for one in before:
                waited_s = self.now_s - one.posted_s
                assert one.lets_go or waited_s >= WAIT_S - SLACK_S, "not delivered yet"
            message.posted_s, message.attempts = self.now_s, message.attempts + 1
            message.is_open = message.is_at_meta = True
        for one in self.messages:
            if one.is_open and self.now_s - one.posted_s < LEASE_S - SLACK_S:
                assert stage(self.store, one.send) == "attempting"

    def settle(self, step: str, message: Message) -> None:
        given: dict[str, Any] = {
            "accepted": {"wamid": f"wamid.{message.send.id}"},
            "later": {"wait_ms": 5_000, "error_json": "{}"},
            "unconfirmed": {"wait_ms": now_ms(self.store) + 3_600_000},
            "dead": {"error_json": "{}"},
        }
        settle(self.store, message.send, step, message.attempts, **given[step])
        message.is_open = False
        message.is_at_meta = bool(message.told) or step in ("accepted", "unconfirmed")

    def tell(self, status: str, message: Message) -> None:
        if message.is_at_meta and status not in message.told:
            message.told.add(status)
            message.is_open = False
            tell(self.store, status, message.send, f"wamid.{message.send.id}", message.attempts)

    def pass_time(self, seconds: int) -> None:
        """Let all moments of the lane and of its messages be so long ago."""
        self.now_s += seconds
        passed_ms = seconds * 1000
        raw(self.store).delete(f"{PREFIX}pair:{ANA}")
        raw(self.store).zadd(f"{PREFIX}ready:reply", {ANA: -passed_ms}, xx=True, incr=True)
        for one in self.messages:
            for name in row(self.store, one.send).keys() & set(MOMENTS):
                raw(self.store).hincrby(f"{PREFIX}send:{one.send.id}", name, -passed_ms)


@given(
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(OPERATIONS, max_size=25),
)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_whatever_happens_messages_go_in_order_one_by_one_and_after_what_must_be_delivered(
    store: Store, waits: list[bool], operations: list[tuple[str, int]]
) -> None:
    raw(store).flushall()
    lane = Lane(store, waits)
    lane.judge(take(store))
    for step, index in operations:
        lane.do(step, index)
    for _ in range(3 * len(NAMES)):
        for message in lane.messages:
            if message.is_open:
                lane.settle("accepted", message)
        lane.do("pass 61", 0)

    assert all(one.attempts for one in lane.messages), "each goes at last"
