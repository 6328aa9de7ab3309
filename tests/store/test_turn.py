"""Of all who ask for a turn one has it, until it gives it back or stops asking."""

from collections.abc import Callable

import pytest

from gateway.store.coordination.leader import LeaderLock
from gateway.store.redis.client import Store, StoreUnavailableError
from tests.support.servers import free_port, wait_until
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
KEY = "gw:a turn"


def turn(store: Store, lifetime_ms: int = 10_000) -> LeaderLock:
    return LeaderLock(store, KEY, lifetime_ms)


def test_one_of_two_has_the_turn_however_often_they_ask(store: Store) -> None:
    one, other = turn(store), turn(store)

    assert [one.acquire(), other.acquire(), one.acquire(), other.acquire()] == [
        True,
        False,
        True,
        False,
    ]


def test_a_turn_that_is_given_back_is_free_at_once(store: Store) -> None:
    one, other = turn(store), turn(store)
    one.acquire()

    one.release()

    assert other.acquire()


def test_the_turn_of_another_cannot_be_given_back(store: Store) -> None:
    one, other = turn(store), turn(store)
    one.acquire()

    other.release()

    assert not other.acquire()


def test_a_turn_runs_out_when_its_holder_stops_asking(store: Store) -> None:
    one, other = turn(store, 50), turn(store)
    assert one.acquire()

    wait_until(other.acquire, "the turn ran out")

    assert not one.acquire()


def test_asking_makes_a_turn_last_as_long_as_at_first(store: Store) -> None:
    one = turn(store)
    one.acquire()
    raw(store).pexpire(KEY, 100)

    one.acquire()

    assert 9_000 < raw(store).pttl(KEY) <= 10_000


def test_whoever_did_not_hear_that_it_has_the_turn_has_it_when_it_asks_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = turn(store)
    with monkeypatch.context() as patched:
        patched.setattr(store, "call", unheard(store))
        with pytest.raises(StoreUnavailableError):
            one.acquire()

    assert raw(store).exists(KEY)
    assert one.acquire()


def unheard(store: Store) -> Callable[..., None]:
    """Do what was asked, and lose the answer."""
    real = store.call

    def call(script: str, prefix: str, *args: object) -> None:
        real(script, prefix, *args)
        raise StoreUnavailableError

    return call


def test_a_store_that_is_away_gives_no_turn() -> None:
    with pytest.raises(StoreUnavailableError):
        turn(Store(f"redis://127.0.0.1:{free_port()}/0")).acquire()
