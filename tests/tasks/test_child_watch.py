"""Ends of children are told until they are heard, and one that cannot be stops no other."""

import pytest

from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.lease import LeasedPartitions
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks.processes import child_watch
from tasks.processes.child_watch import ChildWatch
from tasks.processes.process_names import Children, process_name
from tasks.receiving import poison
from tests.support.store.inbox_state import keep
from tests.support.tasks.worker_state import raw

pytestmark = pytest.mark.store
PIDS = (101, 102)


class Gone(Children):
    """Children of which two have ended."""

    def __init__(self) -> None:
        self.pids = list(PIDS)

    def poll_ended(self) -> list[int]:
        gone, self.pids = self.pids, []
        return gone


def holds(store: Store, index: int, pid: int) -> None:
    """Let a process hold a partition for good."""
    keep(store, index, "body")
    assert not LeasedPartitions(store, Bodies(), process_name(pid)).next_batch().is_empty


def test_each_end_is_told_though_a_partition_is_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_watch, "_reports", [poison.report_death])
    for index, pid in enumerate(PIDS, start=1):
        holds(store, index, pid)
    raw(store).set(f"{keys.partition(0)}missing", "of another type")

    ChildWatch(store, Gone()).work()

    assert [one.is_leased for one in Inbox(store, Bodies()).partition_states()[1:3]] == [
        False,
        False,
    ]


def test_an_end_is_told_again_where_the_store_was_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def report(_: Store, process: str) -> None:
        told.append(process)
        if len(told) == 1:
            raise StoreUnavailableError("away")

    monkeypatch.setattr(child_watch, "_reports", [report])
    watch = ChildWatch(store, Gone())
    with pytest.raises(StoreUnavailableError):
        watch.work()
    watch.work()

    first, second = (process_name(pid) for pid in PIDS)
    assert told == [first, first, second]
