"""Ingest, redelivery, deaths, late comers and Meta's faults in any order: each effect once."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.core.sends import RUNGS
from tasks.worker import Worker
from tests.faults.crowd import Crowd, Fate, Mortal, a_worker, reply_to
from tests.servers import Server
from tests.stack import RULES

pytestmark = pytest.mark.faults
CONTACTS = ("351900000001", "351900000002", "351900000003")
FATES: tuple[Fate, ...] = ("accepted", "answered late", "lost", "refused", "killed")
BOUNDS = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Worker]:
    server = Server(tmp_path / "valkey", appendonly="no").start()
    (tmp_path / "rules.yaml").write_text(RULES)
    store = Mortal(server.url)
    made = a_worker(server, store, tmp_path / "rules.yaml")
    yield made
    made.posting.shutdown()
    made.graph.close()
    store.close()
    server.kill()


class Gateway(RuleBasedStateMachine):
    """Does anything at any time, then lets all of it come to rest and counts."""

    def __init__(self, at_work: Worker) -> None:
        super().__init__()
        store = at_work.store
        assert isinstance(store, Mortal)
        store.redis.flushall()
        at_work.listed.clear()
        self.crowd = Crowd(store, at_work)
        self.kept: dict[str, list[int]] = defaultdict(list)
        self.told: dict[str, int] = defaultdict(int)
        self.count = 0

    @initialize()
    def work_waits(self) -> None:
        for contact in CONTACTS:
            self.messages_come(contact, 3)
        self.crowd.drain()

    @rule(contact=st.sampled_from(CONTACTS), size=st.integers(1, 3))
    def messages_come(self, contact: str, size: int) -> None:
        new = list(range(self.count, self.count + size))
        self.count += size
        self.kept[contact] += new
        self.crowd.deliver(*(self.crowd.message(one, contact) for one in new))

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0), size=st.integers(1, 4))
    def old_messages_come_again_in_other_groups(self, pick: int, size: int) -> None:
        contacts = sorted(self.kept)
        contact = contacts[pick % len(contacts)]
        start = pick % len(self.kept[contact])
        again = self.kept[contact][start : start + size]
        self.crowd.deliver(*(self.crowd.message(one, contact) for one in again))

    @rule(dies_after=st.none() | st.integers(0, 20), leases_end=st.booleans())
    def a_worker_drains(self, dies_after: int | None, leases_end: bool) -> None:
        if leases_end:
            self.crowd.pass_time()
        self.crowd.drain(dies_after)

    @rule()
    def those_thought_dead_come_back(self) -> None:
        self.crowd.come_back()

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=5), leases_end=st.booleans())
    def a_sender_posts(self, fates: list[Fate], leases_end: bool) -> None:
        if leases_end:
            self.crowd.pass_time()
        self.crowd.pump(fates)

    @rule()
    def late_answers_are_recorded(self) -> None:
        self.crowd.learn()

    @precondition(lambda self: self.crowd.made)
    @rule(status=st.sampled_from(("sent", "delivered", "read")), which=st.integers(0))
    def a_status_comes(self, status: str, which: int) -> None:
        send = self.crowd.tell(status, which)
        self.told[send] = max(self.told[send], RUNGS[status])

    def teardown(self) -> None:
        self.come_to_rest()
        stages = self.crowd.stages()
        sends = {reply_to(one) for one in range(self.count)}
        assert set(stages) == sends, "every message kept has its effect, and nothing else has one"
        assert self.crowd.reached == dict.fromkeys(sends, 1), "each was posted, and none twice"
        for contact in CONTACTS:
            posted = [message for to, message in self.crowd.order if to == contact]
            assert posted == sorted(posted), "a conversation goes in order"
        assert all(RUNGS[stages[send]] >= rung for send, rung in self.told.items())
        in_doubt = {send for send, stage in stages.items() if stage == "unconfirmed"}
        assert self.crowd.places() == dict.fromkeys(in_doubt, 1), "nothing waits but for evidence"

    def come_to_rest(self) -> None:
        """Let everybody do what is left, and time pass in between."""
        self.crowd.come_back()
        self.crowd.learn()
        self.crowd.pass_time()
        while self.crowd.waiting():
            self.crowd.drain()
        quiet = 0
        while quiet < 3:  # A lane whose head is in doubt is silent for one round, then goes on.
            self.crowd.pass_time()
            quiet = 0 if self.crowd.pump(["accepted"] * 50) else quiet + 1


def test_whatever_goes_wrong_in_whatever_order_each_effect_comes_once(at_work: Worker) -> None:
    class Here(Gateway):
        def __init__(self) -> None:
            super().__init__(at_work)

    run_state_machine_as_test(Here, settings=BOUNDS)
