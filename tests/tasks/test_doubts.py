"""A send of which nobody knows whether Meta had it is repeated once, on whole evidence only."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.core.sending.outcome import Outcome
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from gateway.store.sending.unconfirmed import note_lost, stream_call
from tasks.context import WorkerContext
from tasks.scheduled.unconfirmed import repeat_lost_sends
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.tasks.worker_state import PREFIX, Echo, keep, raw, take_effect

pytestmark = pytest.mark.store
AGO_MS = 200_000


@pytest.fixture
def doubted(at_work: WorkerContext, store: Store) -> str:
    """Give a send that became unconfirmed 200 s ago, with a later one that had its status."""
    call = stream_call(alive=True)
    store.call(call.script, call.prefix, *call.args)
    keep(store, delivery_body(message_item("wamid.in1", "one")))
    take_effect(at_work, Echo())
    (first,) = Lanes(store, NUMBER, 1000).pump([], 1).attempts
    now = int(store.call("inspect", keys.partition(0))[0])
    unknown = Outcome(first.send, 1, "unconfirmed", wait_ms=now + 3_600_000)
    Lanes(store, NUMBER, 1000).pump([unknown], 0)
    raw(store).hset(f"{PREFIX}send:{first.send}", "doubted", now - AGO_MS)
    raw(store).hset(f"{PREFIX}evidence", "proved", now - AGO_MS + 5_000)
    return str(first.send)


def resolved(at_work: WorkerContext, **settings: str) -> int:
    changed = at_work.settings.model_copy(update=settings)
    return repeat_lost_sends(
        replace(at_work, settings=changed), NUMBER, at_work.inbox.partition_states()
    )


def test_on_whole_evidence_it_is_repeated_once(
    at_work: WorkerContext, store: Store, doubted: str
) -> None:
    assert (resolved(at_work), resolved(at_work)) == (1, 0)

    raw(store).zadd(f"{PREFIX}ready:reply", {lane: 0 for lane in lanes(store)})
    (attempt,) = Lanes(store, NUMBER, 1000).pump([], 9).attempts
    assert (attempt.send, attempt.ordinal) == (doubted, 2)


def lanes(store: Store) -> list[bytes]:
    return list(raw(store).zrange(f"{PREFIX}ready:reply", 0, -1))


def waits_in_an_inbox(store: Store) -> None:
    keep(store, delivery_body(statuses=[status_item("wamid.other", "sent", to="351999999999")]))
    for index in range(keys.PARTITIONS):
        name = f"{keys.partition(index)}inbox"
        for entry, fields in raw(store).xrange(name):
            raw(store).delete(name)
            raw(store).xadd(name, fields, id=f"{int(entry.split(b'-')[0]) - AGO_MS - 1}-0")
            raw(store).hset(f"{keys.partition(index)}cursor", "at", "0-0")


def is_set_aside(store: Store) -> None:
    raw(store).zadd(f"{keys.partition(3)}aside", {"1-0": 9e15})


def is_damaged(store: Store) -> None:
    raw(store).delete(f"{keys.partition(9)}inbox")
    raw(store).set(f"{keys.partition(9)}inbox", "of another type")


def met_a_gap(store: Store) -> None:
    raw(store).hset(keys.STATUS_STREAM, "whole", (int(raw(store).time()[0]) + 600) * 1000)


def has_no_web_process(store: Store) -> None:
    raw(store).hset(keys.STATUS_STREAM, "alive", 1_000)


def lacks_proof(store: Store) -> None:
    raw(store).delete(f"{PREFIX}evidence")


def has_lost_statuses(store: Store) -> None:
    note_lost(store)


@pytest.mark.parametrize(
    "obstacle",
    [
        waits_in_an_inbox,
        is_set_aside,
        is_damaged,
        met_a_gap,
        has_no_web_process,
        lacks_proof,
        has_lost_statuses,
    ],
    ids=lambda it: it.__name__,
)
def test_while_a_status_may_still_be_on_its_way_it_is_not_repeated(
    at_work: WorkerContext, store: Store, doubted: str, obstacle: Callable[[Store], None]
) -> None:
    obstacle(store)

    assert resolved(at_work) == 0


def test_an_operator_who_says_never_is_obeyed(at_work: WorkerContext, doubted: str) -> None:
    assert resolved(at_work, gateway_unconfirmed="never") == 0


def test_an_operator_who_says_always_is_obeyed_without_proof(
    at_work: WorkerContext, store: Store, doubted: str
) -> None:
    lacks_proof(store)

    assert resolved(at_work, gateway_unconfirmed="always") == 1


def test_a_status_that_comes_late_reveals_a_gap(at_work: WorkerContext, store: Store) -> None:
    late = status_item("wamid.o", "sent") | {"timestamp": str(int(raw(store).time()[0]) - 100)}
    keep(store, delivery_body(statuses=[late]))

    take_effect(at_work, Echo())

    whole = int(raw(store).hget(keys.STATUS_STREAM, "whole"))
    assert whole / 1000 - raw(store).time()[0] == pytest.approx(300, abs=5)
