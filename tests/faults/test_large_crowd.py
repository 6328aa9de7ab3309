"""Several who live work on deliveries of a thousand items: each effect once, and an end to it."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.config.settings import Settings
from gateway.core.events import Message
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.lease import LEASE_MS, LeasedPartitions
from gateway.store.redis.client import Store
from tasks import app, inbound
from tasks.context import WorkerContext
from tasks.inbound import process_batch
from tests.support.faults.elapsed_time import end_partition_leases
from tests.support.faults.fault_proxy import Fault, Relay, relay
from tests.support.faults.large_deliveries import (
    Large,
    assert_each_had_its_effect_once,
    kinds_of,
    without_renewal,
)
from tests.support.faults.ledger import PREFIX
from tests.support.faults.unsteady_store import a_worker, environment
from tests.support.servers import Server
from tests.support.stack import RULES
from tests.support.store.raw import raw
from tests.support.tasks.worker_state import Echo, counted, for_all, keep

pytestmark = pytest.mark.faults

PATIENCE_S = 240.0


@pytest.fixture
def settings(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "rules.yaml").write_text(RULES)
    for name, value in environment(server, tmp_path / "rules.yaml").items():
        monkeypatch.setenv(name, value)
    app.finalize()  # As a worker does at its start: it binds the tasks.
    return Settings.from_env()


@pytest.fixture
def at_work(settings: Settings, store: Store) -> WorkerContext:
    made = a_worker(settings, store)
    made.inbox = Inbox(store, Bodies())
    return made


class Crowd:
    """Live workers, each in a thread with a connection of its own, as so many processes."""

    def __init__(self, settings: Settings, url: str, lease_ms: int) -> None:
        self._settings, self._url, self._lease_ms = settings, url, lease_ms
        self._mine = threading.local()
        self.ends = time.monotonic() + PATIENCE_S

    def worker(self) -> WorkerContext:
        """Return the worker of the thread that asks."""
        if not hasattr(self._mine, "worker"):
            made = a_worker(self._settings, Store(self._url))
            name = f"crowd-{threading.get_ident()}"
            made.inbox = Inbox(made.store, Bodies(), name, lease_ms=self._lease_ms)
            self._mine.worker = made
        made = self._mine.worker
        assert isinstance(made, WorkerContext)
        return made

    def drain(self) -> None:
        """Drain slice after slice until nothing waits for anybody, or patience is over."""
        while any(one.waiting for one in self.worker().inbox.partition_states()):
            inbound.drain.run()
            if time.monotonic() > self.ends:
                return


def work(crowd: Crowd, workers: int) -> None:
    threads = [threading.Thread(target=crowd.drain) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S + 60)


@pytest.fixture
def wire(server: Server) -> Iterator[Relay]:
    with relay(server.port) as made:
        yield made


# A lease that is shorter than a batch takes, so that several who live hold the same; and one that
# is renewed for as long as that takes.
@pytest.mark.parametrize(
    ("distance_ms", "workers", "deliveries", "lease_ms", "renewed"),
    [
        (3, 2, 3, 2_000, True),
        pytest.param(3, 4, 3, 40, False, marks=pytest.mark.long),
        (50, 2, 2, 2_000, True),
        pytest.param(50, 3, 2, 150, False, marks=pytest.mark.long),
    ],
)
def test_those_who_live_side_by_side_do_everything_once(
    server: Server,
    store: Store,
    settings: Settings,
    wire: Relay,
    monkeypatch: pytest.MonkeyPatch,
    distance_ms: int,
    workers: int,
    deliveries: int,
    lease_ms: int,
    renewed: bool,
) -> None:
    mixed = [Large(f"c{i}") for i in range(deliveries)]
    bodies = [one.body() for one in (*mixed, Large("s", messages=0, asking=0))]
    keep(store, *bodies)
    wire.fault = Fault(delay_s=distance_ms / 2_000)
    crowd = Crowd(settings, f"redis://127.0.0.1:{wire.port}/0", lease_ms)
    monkeypatch.setattr(inbound, "worker_context", crowd.worker)
    monkeypatch.setattr(inbound, "call_inbox", lambda _: None)

    with ExitStack() as stack:
        if not renewed:
            stack.enter_context(without_renewal(monkeypatch))
        work(crowd, workers)

    assert_each_had_its_effect_once(store, bodies)
    assert len(raw(store).keys(f"{PREFIX}send:*")) == kinds_of(bodies)["message"]
    assert renewed or counted(store, "events.known") > 0, "nobody met anybody"


@pytest.mark.parametrize("holders", [2, 4])
def test_those_who_hold_the_same_part_at_once_do_everything_once(
    store: Store, at_work: WorkerContext, holders: int
) -> None:
    """Each plans a part that the next takes over and finishes before the first one commits."""
    bodies = [Large("m").body()]
    keep(store, *bodies)
    met: list[int] = []

    def takes_over(_: Message) -> None:
        if len(met) < holders - 1:
            met.append(1)
            end_partition_leases(raw(store))
            batch_by_batch(at_work, Echo(takes_over))

    while any(one.waiting for one in at_work.inbox.partition_states()):
        met.clear()
        batch_by_batch(at_work, Echo(takes_over))

    assert_each_had_its_effect_once(store, bodies)
    assert len(raw(store).keys(f"{PREFIX}send:*")) == kinds_of(bodies)["message"]


def batch_by_batch(at_work: WorkerContext, rulebook: Echo) -> None:
    """Do one part as a worker of its own, whoever holds the partition meanwhile."""
    held = LeasedPartitions(at_work.store, Bodies(), f"w-{secrets.token_hex(4)}")
    batch = held.next_batch()
    held.close(process_batch(at_work, held, batch, for_all(at_work, rulebook)))


@pytest.mark.parametrize(
    ("lease_ms", "renewed", "works_s"),
    [(1_000, True, 2.5), (LEASE_MS, False, 1.0)],
    ids=["renewed", "renewals held up"],
)
def test_a_holder_that_works_keeps_its_partition(
    store: Store,
    at_work: WorkerContext,
    monkeypatch: pytest.MonkeyPatch,
    lease_ms: int,
    renewed: bool,
    works_s: float,
) -> None:
    keep(store, Large("m", items=50, messages=49, asking=0).body())
    mine, other = (Inbox(store, Bodies(), lease_ms=lease_ms) for _ in range(2))
    begun = time.monotonic()
    seen: list[int] = []

    def works(_: Message) -> None:
        # Planning goes on for so long, and somebody asks all the while.
        while time.monotonic() - begun < works_s:
            with other.lease() as held:
                seen.append(len(held.next_batch().events))

    with ExitStack() as stack:
        if not renewed:
            stack.enter_context(without_renewal(monkeypatch))
        with mine.lease() as held:
            held.close(
                process_batch(at_work, held, held.next_batch(), for_all(at_work, Echo(works)))
            )

    assert len(seen) > 3
    assert set(seen) == {0}
    assert counted(store, "events.known") == 0
