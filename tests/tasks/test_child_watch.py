"""Ends of children are told until they are heard, and one that cannot be stops no other."""

import pytest

from gateway.store import keys
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.lease import Slice
from gateway.store.inbox.record import Bodies
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks import poison
from tasks.celery_setup import child_watch
from tasks.celery_setup.child_watch import ChildWatch
from tasks.celery_setup.processes import Children, process_name
from tests.store.keeping import keep
from tests.tasks.rig import raw

pytestmark = pytest.mark.store
PIDS = (101, 102)


class Gone(Children):
    """Children of which two have ended."""

    def __init__(self) -> None:
        self.pids = list(PIDS)

    def ended(self) -> list[int]:
        gone, self.pids = self.pids, []
        return gone


def holds(store: Store, index: int, pid: int) -> None:
    """Let a process hold a partition for good."""
    keep(store, index, "body")
    assert not Slice(store, Bodies(), process_name(pid)).next().empty


def test_each_end_is_told_though_a_partition_is_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_watch, "_reports", [poison.report_death])
    for index, pid in enumerate(PIDS, start=1):
        holds(store, index, pid)
    raw(store).set(f"{keys.partition(0)}missing", "of another type")

    ChildWatch(store, Gone()).work()

    assert [one.leased for one in Inbox(store, Bodies()).look()[1:3]] == [False, False]


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
