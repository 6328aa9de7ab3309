"""An event of our own goes the whole way, and its send ends at us."""

from collections.abc import Iterator

import orjson
import pytest
from pydantic import SecretStr

from gateway.core.sending import canary
from gateway.core.sending.send import REPLY
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.monitoring import alert_store, snapshot
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.traces import Traces
from tasks import outbound
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import HEARTBEAT_UNHEARD
from tasks.scheduled import canary as flying
from tasks.sending import canary_sink
from tests.support.tasks.operator_address import Receiver, a_receiver
from tests.support.tasks.worker_state import Echo, counted, raw, rung, take_effect

pytestmark = pytest.mark.store
PREFIX = keys.number(canary.NUMBER)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture
def heard(at_work: WorkerContext, receiver: Receiver) -> WorkerContext:
    """Hold what a worker holds, with somebody who waits for the heartbeat."""
    url = SecretStr(receiver.url)
    at_work.settings = at_work.settings.model_copy(update={"gateway_heartbeat_url": url})
    return at_work


def fly(at_work: WorkerContext) -> None:
    """Let a canary go the whole way."""
    flying.send_canary()
    assert not take_effect(at_work, Echo())
    outbound.pump(canary.NUMBER, REPLY)


def stands(store: Store) -> snapshot.Snapshot:
    return snapshot.read(store, 0)


def the_send(store: Store) -> str:
    (key,) = raw(store).keys(f"{PREFIX}send:*")
    return str(key.decode())


def test_it_goes_the_whole_way_and_the_heartbeat_is_pinged(
    heard: WorkerContext, receiver: Receiver
) -> None:
    fly(heard)

    assert receiver.asked == [("GET", "/hook?token=hush")]
    found = stands(heard.store).canary
    assert (found.missing_s, found.took_s is not None, found.age_s is not None) == (0, True, True)
    assert counted(heard.store, "sends.accepted", canary.NUMBER) == 1


def test_keeping_it_rings_for_whoever_drains(at_work: WorkerContext) -> None:
    flying.send_canary()

    assert rung(at_work.store, "default") == 1


def test_without_an_address_it_arrives_all_the_same(at_work: WorkerContext) -> None:
    fly(at_work)

    assert stands(at_work.store).canary.age_s is not None
    assert counted(at_work.store, "sends.accepted", canary.NUMBER) == 1


def test_two_that_set_off_within_a_second_are_one(
    heard: WorkerContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flying, "record_departure", lambda _: 1_795_374_900_123)
    flying.send_canary()

    fly(heard)

    assert len(receiver.asked) == 1


def test_one_that_waited_for_too_long_is_not_pinged_and_leaves_no_dead_letter(
    heard: WorkerContext, receiver: Receiver
) -> None:
    flying.send_canary()
    assert not take_effect(heard, Echo())
    raw(heard.store).hset(the_send(heard.store), "expires", 1)

    outbound.pump(canary.NUMBER, REPLY)

    assert receiver.asked == []
    assert counted(heard.store, "sends.expired", canary.NUMBER) == 1
    assert raw(heard.store).zcard(f"{PREFIX}dead") == 0
    assert stands(heard.store).canary.missing_s >= 0


def test_a_ping_that_fails_is_repeated_and_the_canary_has_arrived(
    heard: WorkerContext, receiver: Receiver
) -> None:
    receiver.status = 500
    fly(heard)
    assert raw(heard.store).hget(the_send(heard.store), "stage") == b"queued"
    assert stands(heard.store).canary.age_s is not None
    assert HEARTBEAT_UNHEARD.cause.key in alert_store.active_alerts(heard.store, 0)

    receiver.status = 200
    raw(heard.store).zadd(f"{PREFIX}ready:{REPLY}", {canary.WHAT: 0})
    outbound.pump(canary.NUMBER, REPLY)

    assert len(receiver.asked) == 2
    assert alert_store.active_alerts(heard.store, 0) == {}


def test_a_ping_that_fails_for_long_is_dropped(heard: WorkerContext, receiver: Receiver) -> None:
    receiver.status = 500
    fly(heard)
    raw(heard.store).hset(the_send(heard.store), "first", 1)
    raw(heard.store).zadd(f"{PREFIX}ready:{REPLY}", {canary.WHAT: 0})

    outbound.pump(canary.NUMBER, REPLY)

    assert raw(heard.store).hget(the_send(heard.store), "stage") == b"dropped"
    assert raw(heard.store).zcard(f"{PREFIX}dead") == 0


def test_a_store_that_is_away_is_tried_again(
    heard: WorkerContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(canary_sink, "record_arrival", away)
    fly(heard)

    assert receiver.asked == []
    assert raw(heard.store).hget(the_send(heard.store), "stage") == b"queued"


def test_its_row_goes_after_a_day(at_work: WorkerContext) -> None:
    fly(at_work)

    lives_ms = raw(at_work.store).pttl(the_send(at_work.store))
    assert keys.DAY_MS - 10_000 < lives_ms <= keys.DAY_MS


def test_it_is_counted_with_nobodys_messages(at_work: WorkerContext) -> None:
    fly(at_work)

    assert stands(at_work.store).numbers == ()
    assert stands(at_work.store).kept == 1


def test_it_can_be_traced(at_work: WorkerContext) -> None:
    fly(at_work)
    send = the_send(at_work.store).rpartition(":")[2]

    found = Traces(at_work.store, Bodies()).find_by_send(send)
    (line,) = Teller(Masking(), datetime_from_ms(0), at_work.settings.gateway_retention).tell(found)

    assert "canary, by no rule, reply: accepted" in orjson.dumps(line, default=str).decode()
