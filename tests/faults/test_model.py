"""Ingest, redelivery, deaths, late comers and Meta's faults in any order: each effect once."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

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

from gateway.config.settings import Settings
from gateway.core.sending.send import STATUS_RANK
from gateway.graph.messages import Graph
from tasks import app, inbound, outbound
from tasks.context import WorkerContext
from tasks.processes import served_numbers
from tasks.processes.served_numbers import Sender
from tasks.sending import attempts
from tests.support.faults.crowd import Crowd, Fate, reply_to
from tests.support.faults.large_deliveries import dead_letters
from tests.support.faults.unsteady_store import Loss, Unsteady, a_worker, environment
from tests.support.servers import Server
from tests.support.stack import RULES
from tests.support.tasks.worker_state import counted

pytestmark = pytest.mark.faults
CONTACTS = ("351900000001", "351900000002", "351900000003")
FATES: tuple[Fate, ...] = ("accepted", "answered late", "frozen", "lost", "refused", "killed")
OF_THE_LIVING: tuple[Fate, ...] = ("accepted", "lost", "refused")
LOSSES = st.none() | st.builds(Loss, after=st.integers(0, 12), answered=st.booleans())
LOSSES_OF_SENDERS = st.none() | st.builds(Loss, after=st.integers(0, 4), answered=st.booleans())
STATUSES = 990  # of a large delivery
# So many deaths of healthy events make none of them a dead letter.
MOST_REPORTS = 2
BOUNDS = settings(
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def at_work(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    # The server of all tests: Celery reads its settings once in a process, and rings there.
    (tmp_path / "rules.yaml").write_text(RULES)
    store = Unsteady(server.url)
    for name, value in environment(server, tmp_path / "rules.yaml").items():
        monkeypatch.setenv(name, value)
    app.finalize()  # As a worker does at its start: it binds the tasks.
    made = a_worker(Settings.from_env(), store)
    for task in (inbound, outbound):
        monkeypatch.setattr(task, "worker_context", lambda: made)
    for loop in (inbound, served_numbers):
        monkeypatch.setattr(loop, "LINGER_S", 0)
    monkeypatch.setattr(inbound, "call_inbox", lambda _: None)
    monkeypatch.setattr(outbound, "ring_numbers", lambda *_: None)
    monkeypatch.setattr(attempts, "random", SimpleNamespace(random=lambda: 0.5))
    yield made
    store.close()


class Gateway(RuleBasedStateMachine):
    """Does anything at any time, then lets all of it come to rest and counts."""

    def __init__(self, at_work: WorkerContext) -> None:
        super().__init__()
        store = at_work.store
        assert isinstance(store, Unsteady)
        store.redis.flushall()
        at_work.listed_numbers.clear()
        at_work._lanes.clear()
        at_work.sender = Sender()
        self.crowd = Crowd(store, at_work)
        at_work.graph = cast(Graph, self.crowd)
        self.kept: dict[str, list[int]] = defaultdict(list)
        self.told: dict[str, int] = defaultdict(int)
        self.said: set[tuple[str, str]] = set()
        self.count = 0

    @initialize()
    def work_waits(self) -> None:
        for contact in CONTACTS:
            self.messages_come(contact, 3)
        self.crowd.drain()

    @rule(contact=st.sampled_from(CONTACTS), size=st.integers(1, 3))
    def messages_come(self, contact: str, size: int, statuses: int = 0) -> None:
        new = list(range(self.count, self.count + size))
        self.count += size
        self.kept[contact] += new
        self.crowd.deliver(*(self.crowd.message(one, contact) for one in new), statuses=statuses)

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0), size=st.integers(1, 4))
    def old_messages_come_again_in_other_groups(self, pick: int, size: int) -> None:
        contacts = sorted(self.kept)
        contact = contacts[pick % len(contacts)]
        start = pick % len(self.kept[contact])
        again = self.kept[contact][start : start + size]
        self.crowd.deliver(*(self.crowd.message(one, contact) for one in again))

    @precondition(lambda self: self.count)
    @rule(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=3))
    def old_messages_of_several_come_again_in_one_delivery(self, sizes: list[int]) -> None:
        # From the first on: planned in the partition of another, none may come before an older one.
        again = [
            (c, one)
            for c, size in zip(CONTACTS, sizes, strict=False)
            for one in self.kept[c][:size]
        ]
        self.crowd.deliver(*(self.crowd.message(one, contact) for contact, one in again))

    @rule(dies_after=st.none() | st.integers(0, 20), leases_end=st.booleans())
    def a_worker_drains(self, dies_after: int | None, leases_end: bool) -> None:
        if leases_end:
            self.crowd.pass_time()
        self.crowd.drain(dies_after)

    @rule(loss=LOSSES, leases_end=st.booleans())
    def a_worker_misses_an_answer_and_lives_on(self, loss: Loss | None, leases_end: bool) -> None:
        if leases_end:
            self.crowd.pass_time()
        self.crowd.drain_unheard(loss)

    @rule(
        loss=LOSSES_OF_SENDERS,
        fates=st.lists(st.sampled_from(OF_THE_LIVING), max_size=5),
        leases_end=st.booleans(),
    )
    def a_sender_misses_an_answer_and_lives_on(
        self, loss: Loss | None, fates: list[Fate], leases_end: bool
    ) -> None:
        if leases_end:
            self.crowd.pass_time()
        self.crowd.pump_unheard(loss, fates)

    @rule(loss=LOSSES_OF_SENDERS)
    def the_operator_says_again(self, loss: Loss | None) -> None:
        self.crowd.resolve_unheard(loss)

    @rule()
    def the_server_forgets_its_scripts(self) -> None:
        self.crowd.store.redis.script_flush()

    @precondition(lambda self: self.crowd.stale and self.crowd.reports < MOST_REPORTS)
    @rule()
    def a_parent_reports_a_death(self) -> None:
        self.crowd.report_death()

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

    @rule(status=st.sampled_from(("sent", "delivered", "read")), which=st.integers(0))
    def a_status_comes(self, status: str, which: int) -> None:
        if not self.crowd.made:
            return
        send = self.crowd.tell(status, which)
        self.said.add((send, status))
        self.told[send] = max(self.told[send], STATUS_RANK[status])

    def teardown(self) -> None:
        self.come_to_rest()
        assert counted(self.crowd.store, "events.status") == self.crowd.strange + len(self.said)
        assert dead_letters(self.crowd.store) == 0, "nothing that is healthy is given up"
        stages = self.crowd.stages()
        sends = {reply_to(one) for one in range(self.count)}
        assert set(stages) == sends, "every message kept has its effect, and nothing else has one"
        repeated, unposted = self.crowd.repeated(), self.crowd.unposted
        for send in sends:
            least = 0 if send in unposted and stages[send] == "unconfirmed" else 1
            most = 2 if send in repeated else 1
            assert least <= self.crowd.reached[send] <= most, "none is posted twice unasked"
        for contact in CONTACTS:
            first = [
                m for to, send, m in self.crowd.order if to == contact and send not in repeated
            ]
            assert first == sorted(first), "a conversation goes in order"
        known = self.told | dict.fromkeys(
            self.crowd.answered - set(self.told), STATUS_RANK["accepted"]
        )
        assert all(STATUS_RANK[stages[send]] >= rung for send, rung in known.items())
        in_doubt = {send for send, stage in stages.items() if stage == "unconfirmed"}
        assert self.crowd.places() == dict.fromkeys(in_doubt, 1), "nothing waits but for evidence"

    def come_to_rest(self) -> None:
        """Let everybody do what is left, and time pass in between."""
        self.crowd.come_back()
        self.crowd.learn()
        self.crowd.pass_time()
        while self.crowd.waiting():
            self.crowd.drain()
        self.crowd.pump_unheard()
        quiet = 0
        while quiet < 3:  # A lane whose head is in doubt is silent for one round, then goes on.
            self.crowd.pass_time()
            quiet = 0 if self.crowd.pump(["accepted"] * 50) else quiet + 1


class LargeGateway(Gateway):
    """Does the same with deliveries of which no worker does more than a part at once."""

    @initialize()
    def large_work_waits(self) -> None:
        self.a_large_delivery_comes(CONTACTS[0], 3)

    @precondition(lambda self: self.crowd.strange < 3 * STATUSES)
    @rule(contact=st.sampled_from(CONTACTS), size=st.integers(1, 3))
    def a_large_delivery_comes(self, contact: str, size: int) -> None:
        self.messages_come(contact, size, STATUSES)

    @rule(dies_after=st.integers(13, 300), leases_end=st.booleans())
    def a_worker_dies_in_the_middle_of_a_part(self, dies_after: int, leases_end: bool) -> None:
        self.a_worker_drains(dies_after, leases_end)


@pytest.mark.parametrize(
    ("machine", "examples"),
    [
        (Gateway, 15),
        (LargeGateway, 6),
        pytest.param(Gateway, 500, marks=(pytest.mark.long, pytest.mark.timeout(3_600))),
        pytest.param(LargeGateway, 80, marks=(pytest.mark.long, pytest.mark.timeout(1_500))),
    ],
)
def test_whatever_goes_wrong_in_whatever_order_each_effect_comes_once(
    at_work: WorkerContext, machine: type[Gateway], examples: int
) -> None:
    class Here(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(at_work)

    run_state_machine_as_test(Here, settings=settings(BOUNDS, max_examples=examples))
