"""What cannot be committed now waits: nothing of it is lost, and nothing else waits for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.events import Message
from gateway.core.sending.send import send_id
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.partitions import partition_of
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks import inbound
from tasks.context import WorkerContext, build_context
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.tasks.worker_state import (
    PREFIX,
    Echo,
    counted,
    for_all,
    keep,
    make_due,
    planned,
    raw,
    take_effect,
    waiting,
)
from tests.support.web.web_app import nowhere

pytestmark = pytest.mark.store

BOB = "351900000002"
FIRST = delivery_body(message_item("wamid.0", "first"))
SECOND = delivery_body(message_item("wamid.1", "second"))
BOBS = delivery_body(message_item("wamid.2", "bob's", sender=BOB))


@pytest.fixture
def own(tmp_path: Path, at_work: WorkerContext) -> Iterator[tuple[Server, WorkerContext]]:
    """A server that a test may kill, and a worker that works with it."""
    server = Server(tmp_path / "own").start()
    made = build_context(at_work.settings.model_copy(update={"redis_url": server.url}))
    yield server, made
    made.post_pool.shutdown()
    made.store.close()
    server.kill()


def aside(at_work: WorkerContext) -> int:
    return sum(one.deferred for one in at_work.inbox.partition_states())


def test_a_contact_that_somebody_else_always_changes_is_set_aside(
    at_work: WorkerContext, store: Store
) -> None:
    asked = 0

    def changes(event: Message) -> None:
        nonlocal asked
        if event.contact == ANA:
            asked += 1
            raw(store).hset(f"{PREFIX}contact:{ANA}", "version", f"theirs {asked}")

    keep(store, FIRST)
    take_effect(at_work, Echo())
    keep(store, SECOND, BOBS)

    late = take_effect(at_work, Echo(changes))

    assert [(one.kind, one.number) for one in late.values()] == [("contended", NUMBER)]
    assert (asked, aside(at_work), waiting(at_work)) == (3, 1, 1)
    assert planned(store) == ["first", "bob's"]


def test_what_was_set_aside_has_its_effect_once_the_obstacle_is_gone(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).set(f"{PREFIX}places", "no number")
    keep(store, FIRST)
    take_effect(at_work, Echo())
    assert (planned(store), waiting(at_work)) == ([], 1)

    raw(store).delete(f"{PREFIX}places")
    make_due(store)
    assert take_effect(at_work, Echo()) == {}

    assert (planned(store), waiting(at_work)) == (["first"], 0)


def test_a_script_that_breaks_for_one_contact_stops_no_other(
    at_work: WorkerContext, store: Store
) -> None:
    cause = f"message|{NUMBER}|wamid.0"
    raw(store).set(f"{PREFIX}send:{send_id(cause, 'echo', 0)}", "of another type")
    keep(store, FIRST, BOBS)

    (obstacle,) = take_effect(at_work, Echo()).values()

    assert (obstacle.kind, obstacle.number) == ("failed", NUMBER)
    assert "WRONGTYPE" in obstacle.reason
    assert counted(store, "events.message") == 1
    assert planned(store) == ["bob's"]


@pytest.mark.parametrize("damage", ["type", "state", "alias"])
def test_a_contact_that_cannot_be_read_sets_its_own_events_aside_and_nobody_elses(
    at_work: WorkerContext, store: Store, damage: str
) -> None:
    key = f"{PREFIX}contact:{ANA}"
    if damage == "type":
        raw(store).set(key, "of another type")
    else:
        raw(store).hset(key, mapping={"version": "v", "state": "no JSON"})
        raw(store).hset(key, "alias" if damage == "alias" else "version", ANA)
    keep(store, FIRST, BOBS, delivery_body(message_item("wamid.3", "another of bob's", BOB)))
    mixed = [message_item(f"wamid.m{i}", f"{i}", f"3518{i:08}") for i in range(600)]
    keep(store, delivery_body(*mixed[:300], message_item("wamid.m", "hers"), *mixed[300:]))

    late = take_effect(at_work, Echo())

    assert [(one.kind, one.number) for one in late.values()] == [("unreadable", NUMBER)] * 2
    assert (len(planned(store)), aside(at_work)) == (602, 2)
    assert raw(store).zcard(f"{PREFIX}dead") == 0
    raw(store).delete(key)
    make_due(store)
    assert take_effect(at_work, Echo()) == {}
    assert (len(planned(store)), waiting(at_work)) == (604, 0)


def test_what_is_set_aside_is_tried_after_growing_pauses(
    at_work: WorkerContext, store: Store
) -> None:
    raw(store).set(f"{PREFIX}places", "no number")
    keep(store, FIRST)
    pauses = []
    for _ in range(3):
        take_effect(at_work, Echo())
        (one,) = [one for one in at_work.inbox.partition_states() if one.deferred]
        (row,) = raw(store).zrange(f"{keys.partition(one.index)}aside", 0, 0, withscores=True)
        pauses.append(round((row[1] - one.now_ms) / 1000))
        make_due(store)

    assert pauses == [1, 5, 30]


def test_a_store_that_goes_away_leaves_all_waiting_and_no_lease(
    own: tuple[Server, WorkerContext],
) -> None:
    server, at_work = own
    keep(at_work.store, FIRST)

    with pytest.raises(StoreUnavailableError):
        take_effect(at_work, Echo(lambda _: server.kill()))
    server.start()

    assert waiting(at_work) == 1
    wait_until(
        lambda: not any(one.is_leased for one in at_work.inbox.partition_states()),
        "the lease is over",
    )
    take_effect(at_work, Echo())
    assert (planned(at_work.store), waiting(at_work)) == (["first"], 0)


def test_a_worker_that_dies_after_its_commit_doubles_nothing(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, FIRST)
    with at_work.inbox.lease() as held:
        inbound.process_batch(
            at_work, held, held.next_batch(), for_all(at_work, Echo())
        )  # and then it is gone, unpassed

    assert waiting(at_work) == 1
    take_effect(at_work, Echo())

    assert (planned(store), waiting(at_work)) == (["first"], 0)


def test_a_store_that_cannot_be_reached_ends_a_drain(
    at_work: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_work, "inbox", Inbox(Store(nowhere()), Bodies()))

    with pytest.raises(StoreUnavailableError):
        inbound.drain()


def test_a_damaged_partition_is_told_of_and_the_others_have_their_effect(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, FIRST, BOBS)
    index = partition_of(FIRST)
    assert partition_of(BOBS) != index
    raw(store).set(f"{keys.partition(index)}missing", "of another type")

    inbound.drain.run()

    assert waiting(at_work) == 1
    assert f"partition_damaged|{index}|" in alert_store.active_alerts(store, 0)
    assert not raw(store).exists(keys.INBOX_BELL)  # whoever hears it would come no further
