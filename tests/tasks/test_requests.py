"""A task of another application: stored once, whatever fails, and its result written once known."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery.exceptions import Ignore

from gateway.core.sending.send import NOTICE
from gateway.store.api.accept_now import accept_now
from gateway.store.api.owed_results import forget_owed
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks.celery_setup.result_backend import ResultBackend
from tasks.context import WorkerContext
from tasks.processes.post_concurrency import Bell
from tasks.requests import results, send_message
from tasks.requests.results import write_results
from tasks.requests.send_message import InvalidRequestError
from tests.support.factories import NUMBER
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, a_send, lanes, settle, tell

pytestmark = pytest.mark.store
TO = "+351900000820"
READY = {"type": "template", "template": {"name": "order_ready", "language": {"code": "en"}}}
QUEUE = "gw:celery:critical"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_message, "FIRST_PAUSE_S", 0.001)


def run(id_: str = "task-1", message: Any = READY, to: str = TO) -> None:
    """Run the task as a worker does, until it ends without a result."""
    send_message.send_whatsapp_message.push_request(id=id_, args=(to, message), kwargs={})
    try:
        with pytest.raises(Ignore):
            send_message.send_whatsapp_message.run(to, message)
    finally:
        send_message.send_whatsapp_message.pop_request()


def sends(store: Store) -> list[str]:
    return [key.decode().rpartition(":")[2] for key in raw(store).keys(f"{PREFIX}send:*")]


def result(store: Store, id_: str = "task-1") -> Any:
    stored = raw(store).get(f"gw:celery:celery-task-meta-{id_}")
    return stored and json.loads(stored)


def owed(store: Store) -> list[bytes]:
    return list(raw(store).zrange(f"{PREFIX}results", 0, -1))


def published(store: Store) -> list[Any]:
    return [json.loads(one) for one in raw(store).lrange(QUEUE, 0, -1)]


def failing(times: int, error: BaseException, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that fails so many times before it works."""
    left = [error] * times

    def done(*args: Any, **more: Any) -> Any:
        if left:
            raise left.pop()
        return work(*args, **more)

    return done


def accept(store: Store, *ids: str) -> list[str]:
    """Let tasks be stored and taken for an attempt; return the ids of their sends, in order."""
    names: list[str] = []
    for id_ in ids:
        before = set(sends(store))
        run(id_, to=f"+35190000083{len(names)}")
        names += list(set(sends(store)) - before)
        lanes(store).pump([], 9)
    return names


def test_a_task_is_stored_and_a_worker_woken(at_work: WorkerContext, store: Store) -> None:
    run()

    (send,) = sends(store)
    row = raw(store).hgetall(f"{PREFIX}send:{send}")
    assert (row[b"stage"], row[b"task"], row[b"rank"]) == (b"queued", b"task-1", NOTICE.encode())
    assert [one["headers"]["task"] for one in published(store)] == ["tasks.pump"]
    assert result(store) is None


def test_a_task_that_runs_again_is_stored_once(at_work: WorkerContext, store: Store) -> None:
    run()
    run()

    assert len(sends(store)) == 1


def test_an_id_with_other_arguments_is_logged_and_stores_nothing(
    at_work: WorkerContext, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    run(message=READY | {"reference": "another"})

    assert len(sends(store)) == 1
    assert "task_id_reused" in capsys.readouterr().out


def test_a_store_that_is_away_for_a_moment_is_asked_again(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = failing(3, StoreUnavailableError("away"), accept_now)
    monkeypatch.setattr(send_message, "accept_now", away)

    run()

    assert len(sends(store)) == 1


def test_a_store_that_stays_away_gives_the_task_back_to_the_broker(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = failing(99, StoreUnavailableError("away"), accept_now)
    monkeypatch.setattr(send_message, "accept_now", away)
    monkeypatch.setattr(send_message, "PATIENCE_S", 0)

    run()

    (task,) = published(store)
    assert (task["headers"]["id"], task["headers"]["task"]) == ("task-1", send_message.NAME)
    assert sends(store) == []


def test_a_broker_that_is_away_as_well_leaves_the_task_with_the_worker(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = failing(4, StoreUnavailableError("away"), accept_now)
    monkeypatch.setattr(send_message, "accept_now", away)
    monkeypatch.setattr(send_message, "PATIENCE_S", 0)
    refused = failing(99, OSError("no broker"), send_message.send_whatsapp_message.apply_async)
    monkeypatch.setattr(send_message.send_whatsapp_message, "apply_async", refused)

    run()

    assert len(sends(store)) == 1


def test_a_full_store_takes_no_task(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = at_work.settings.model_copy(update={"gateway_store_bytes": 1})
    monkeypatch.setattr(at_work, "settings", small)
    monkeypatch.setattr(send_message, "PATIENCE_S", 0)

    run()

    assert sends(store) == []
    assert [one["headers"]["id"] for one in published(store)] == ["task-1"]


def test_a_process_that_sends_already_is_not_woken(at_work: WorkerContext, store: Store) -> None:
    assert at_work.sender.hand_over(NUMBER, NOTICE)

    run()

    assert published(store) == []
    assert at_work.sender.posts.wait_for_events(0, 1) == [Bell(NUMBER, NOTICE)] * 2


def test_a_queue_full_of_tasks_does_not_hold_up_what_is_to_be_sent(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[WorkerContext] = []
    monkeypatch.setattr(send_message, "serve", served.append)
    raw(store).rpush(QUEUE, *["{}"] * 1_000)

    run()
    run("task-2")

    assert served == [at_work]
    assert len(sends(store)) == 2


@pytest.mark.parametrize(
    ("id_", "args", "named", "says"),
    [
        ("an id", (TO, READY), {}, "the id of the task"),
        ("t", (TO, READY, 1), {}, "phone_number and message"),
        ("t", (TO,), {"message": READY, "extra": 1}, "extra: is unknown"),
        ("t", (TO, {**READY, "reference": 10**40}), {}, "plain JSON"),
        ("t", (TO, {**READY, "reference": "x" * 300_000}), {}, "256 KB"),
        ("t", (TO, {1: "x"}), {}, "plain JSON"),
    ],
)
def test_odd_arguments_are_refused(
    at_work: WorkerContext, id_: str, args: Any, named: Any, says: str
) -> None:
    send_message.send_whatsapp_message.push_request(id=id_)
    try:
        with pytest.raises(InvalidRequestError, match=says):
            send_message.send_whatsapp_message.run(*args, **named)
    finally:
        send_message.send_whatsapp_message.pop_request()


def test_a_send_that_expires_leaves_a_failure(at_work: WorkerContext, store: Store) -> None:
    run()
    (send,) = sends(store)
    raw(store).hset(f"{PREFIX}send:{send}", "expires", now_ms(store) - 1)
    lanes(store).pump([], 9)

    assert write_results(at_work, NUMBER) == 1
    told = result(store)
    assert (told["status"], told["traceback"]) == ("FAILURE", None)
    assert told["result"]["exc_type"] == "RuntimeError"
    assert told["result"]["exc_message"][0]["error"] == "expired"
    assert owed(store) == []


def test_a_failure_that_meta_reports_later_changes_no_result(
    at_work: WorkerContext, store: Store
) -> None:
    (send,) = accept(store, "task-1")
    settle(store, a_send(send), "accepted", wamid="wamid.one")
    write_results(at_work, NUMBER)
    before = result(store)
    tell(store, "failed", a_send(send), "wamid.one")

    assert (write_results(at_work, NUMBER), owed(store)) == (0, [])
    assert result(store) == before
    assert before["result"] == {"status": "sent", "message_id": "wamid.one"}


def test_a_status_that_comes_before_the_answer_leaves_a_result(
    at_work: WorkerContext, store: Store
) -> None:
    (send,) = accept(store, "task-1")
    tell(store, "delivered", a_send(send), "wamid.one")

    assert write_results(at_work, NUMBER) == 1
    assert result(store)["result"] == {"status": "sent", "message_id": "wamid.one"}


def test_a_task_that_is_repeated_while_its_result_is_written_has_it_once_more(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    (send,) = sends(store)
    settle(store, a_send(send), "accepted", wamid="wamid.one")

    def forget_after_a_repetition(*args: Any) -> None:
        raw(store).delete("gw:celery:celery-task-meta-task-1")
        run()
        forget_owed(*args)

    monkeypatch.setattr(results, "forget_owed", forget_after_a_repetition)
    write_results(at_work, NUMBER)
    monkeypatch.undo()

    assert write_results(at_work, NUMBER) == 1
    assert result(store)["result"] == {"status": "sent", "message_id": "wamid.one"}
    assert owed(store) == []


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_process_that_dies_while_it_writes_leaves_the_result_to_the_next(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    (send,) = accept(store, "task-1")
    settle(store, a_send(send), "accepted", wamid="wamid.one")
    choices: dict[str, tuple[Any, str, Any]] = {
        "before": (ResultBackend, "store_result", ResultBackend.store_result),
        "after": (results, "forget_owed", forget_owed),
    }
    place, name, work = choices[dies]
    monkeypatch.setattr(place, name, failing(1, KeyboardInterrupt(), work))
    with pytest.raises(KeyboardInterrupt):
        write_results(at_work, NUMBER)
    left = len(owed(store))

    assert (left, write_results(at_work, NUMBER), owed(store)) == (1, 1, [])
    assert result(store)["status"] == "SUCCESS"


def test_a_send_that_cannot_be_read_delays_no_other_result(
    at_work: WorkerContext, store: Store
) -> None:
    first, second = accept(store, "task-1", "task-2")
    for send in (first, second):
        settle(store, a_send(send), "accepted", wamid=f"wamid.{send}")
    raw(store).delete(f"{PREFIX}send:{first}")
    raw(store).set(f"{PREFIX}send:{first}", "a damaged row")

    assert write_results(at_work, NUMBER) == 1
    assert result(store, "task-2")["status"] == "SUCCESS"
    assert owed(store) == [f"{first}task-1".encode()]
    assert write_results(at_work, NUMBER) == 0


def test_a_result_without_a_send_is_forgotten(at_work: WorkerContext, store: Store) -> None:
    raw(store).zadd(f"{PREFIX}results", {f"{'x' * 24}task-1": 1})

    write_results(at_work, NUMBER)

    assert (owed(store), result(store)) == ([], None)


def test_a_send_that_is_not_over_has_no_result_yet(at_work: WorkerContext, store: Store) -> None:
    (send,) = accept(store, "task-1")
    raw(store).zadd(f"{PREFIX}results", {f"{send}task-1": 1})

    assert (write_results(at_work, NUMBER), result(store)) == (0, None)
    assert owed(store) == [f"{send}task-1".encode()]
