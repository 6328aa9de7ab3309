"""The relay itself: what it passes on, what it drops, and what its client sees of it."""

import threading
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.faults.fault_proxy import SOUND, Fault, Relay, relay
from tests.support.servers import Server, wait_until

pytestmark = pytest.mark.faults


@pytest.fixture
def between(server: Server) -> Iterator[Relay]:
    with relay(server.port) as made:
        yield made


@pytest.fixture
def client(between: Relay) -> Iterator[redis.Redis]:
    with redis.Redis(port=between.port, retry=Retry(NoBackoff(), 0), socket_timeout=60) as made:
        made.flushall()
        yield made


def count(server: Server) -> bytes | None:
    with redis.Redis.from_url(server.url) as direct:
        found = direct.get("n")
    assert found is None or isinstance(found, bytes)
    return found


def test_a_sound_relay_changes_nothing(client: redis.Redis) -> None:
    assert [client.incr("n"), client.incr("n")] == [1, 2]


def test_what_is_cut_before_was_not_done(
    server: Server, between: Relay, client: redis.Redis
) -> None:
    between.fault = Fault(before=1)

    with pytest.raises(redis.ConnectionError):
        client.incr("n")

    assert (count(server), between.seen["before"]) == (None, 1)


def test_what_is_cut_after_was_done_and_its_answer_is_gone(
    server: Server, between: Relay, client: redis.Redis
) -> None:
    between.fault = Fault(after=1)

    with pytest.raises(redis.ConnectionError):
        client.incr("n")

    assert (count(server), between.seen["dropped"]) == (b"1", 1)


def test_what_is_frozen_goes_on_where_it_stood(between: Relay, client: redis.Redis) -> None:
    between.fault = Fault(frozen=True)
    told: list[object] = []
    asking = threading.Thread(target=lambda: told.append(client.incr("n")))
    asking.start()
    wait_until(lambda: between.seen["frozen"] == 1, "the relay holds the request")
    assert told == []

    between.fault = SOUND

    asking.join(180)
    assert told == [1]
