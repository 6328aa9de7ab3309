"""A store that was away at the start is looked at before anything in it is touched."""

from typing import Any

import pytest

from gateway.core.sending.send import REPLY
from gateway.store import keys
from gateway.store.monitoring.alert_store import read_rows
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.health import LAYOUT_BEFORE, layout_name
from tasks import app, inbound
from tasks.celery_setup.schedule import TASKS
from tasks.context import WorkerContext, open_store_access
from tasks.processes import store_check
from tasks.processes.store_check import UnfitStoreError, look, refuse_unfit
from tasks.scheduled.safety_net import SafetyNet
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.tasks.worker_state import keep, planned, raw, waiting
from tests.support.web.web_app import nowhere

pytestmark = pytest.mark.store
ARGS = {"tasks.pump": (NUMBER, REPLY)}


@pytest.fixture
def unseen(at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch) -> WorkerContext:
    """Hold what a worker holds whose store was away at its start, and is of another layout."""
    monkeypatch.setattr(store_check, "_passed", [])
    keep(store, delivery_body(message_item("wamid.1", "which color?")))
    raw(store).set(keys.LAYOUT_KEY, LAYOUT_BEFORE)
    return at_work


def everything(store: Store) -> dict[bytes, Any]:
    return {key: raw(store).dump(key) for key in raw(store).keys("*")}


@pytest.mark.parametrize("task", sorted({"tasks.drain", "tasks.pump", *TASKS}))
def test_no_task_touches_a_store_of_another_layout(
    unseen: WorkerContext, store: Store, task: str
) -> None:
    app.loader.import_default_modules()
    before = everything(store)

    with pytest.raises(UnfitStoreError, match="gateway migrate"):
        app.tasks[task].run(*ARGS.get(task, ()))

    assert everything(store) == before


def test_nor_does_the_net(unseen: WorkerContext, store: Store) -> None:
    net, before = SafetyNet(open_store_access(unseen.settings)), everything(store)

    with pytest.raises(UnfitStoreError, match="gateway migrate"):
        net.work()

    assert everything(store) == before
    net.end()


def test_once_it_is_migrated_the_same_process_works_on_it(
    unseen: WorkerContext, store: Store
) -> None:
    with pytest.raises(UnfitStoreError):
        inbound.drain.run()
    raw(store).set(keys.LAYOUT_KEY, layout_name())

    inbound.drain.run()

    assert (waiting(unseen), len(planned(store))) == (0, 1)


def test_it_is_looked_at_until_it_was_seen_and_then_no_more(
    unseen: WorkerContext, store: Store
) -> None:
    away = Store(nowhere())
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            refuse_unfit(away, unseen.settings)
    raw(store).delete(keys.LAYOUT_KEY)

    assert not look(store, unseen.settings).fatal

    refuse_unfit(away, unseen.settings)
    away.close()


@pytest.fixture
def started(at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch) -> WorkerContext:
    """Hold what a worker holds that has just started."""
    monkeypatch.setattr(store_check, "_passed", [])
    refuse_unfit(store, at_work.settings)
    app.loader.import_default_modules()
    return at_work


def test_a_worker_never_works_on_a_store_of_another_installation(
    started: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_check, "_passed", [])
    draft = started.settings.model_copy(update={"meta_phone_number_id": "999"})

    with pytest.raises(UnfitStoreError, match="belongs to another installation"):
        refuse_unfit(store, draft)


def test_a_store_that_was_emptied_under_a_worker_is_an_alert(
    started: WorkerContext, store: Store
) -> None:
    raw(store).flushdb()

    app.tasks["tasks.watch"].run()

    assert "store_emptied" in [row.state.alert.cause.kind for row in read_rows(store).values()]


def test_a_store_that_was_not_emptied_is_none(started: WorkerContext, store: Store) -> None:
    app.tasks["tasks.watch"].run()

    assert "store_emptied" not in [row.state.alert.cause.kind for row in read_rows(store).values()]
