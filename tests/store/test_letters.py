"""What was set aside is found beside the dead, tried at once, and given up by a person only."""

from datetime import timedelta

import pytest

from gateway.core.dead_letters.deferred_delivery import DeferredDelivery
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import review_list
from gateway.store.redis.client import Call, Store
from gateway.store.sending.unconfirmed import lost_until
from tests.support.factories import NUMBER
from tests.support.store.dead_sends import died
from tests.support.store.failing_scripts import each_write
from tests.support.store.inbox_state import inbox, keep, late, standing
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import a_send

pytestmark = pytest.mark.store
KEY = b"k" * 32
ASIDE = f"{keys.partition(0)}aside"


@pytest.fixture(autouse=True)
def _listed(store: Store) -> None:
    number_list.add_number(store, NUMBER)


def set_aside(store: Store, *places: str, bodies: Bodies | None = None) -> None:
    with inbox(store, bodies).lease() as held:
        batch = held.next_batch()
        held.close(late(*places))
    assert not batch.is_empty


def one_aside(store: Store) -> DeferredDelivery:
    (place,) = keep(store, 0, "sealed", bodies=Bodies([KEY]))
    set_aside(store, place)
    letter = review_list.find(store, place)
    assert isinstance(letter, DeferredDelivery)
    return letter


def found(store: Store, **wanted: object) -> list[str]:
    return [one.cause for one in review_list.iter_letters(store, DeadLetterFilter(**wanted))]  # type: ignore[arg-type]


def test_it_is_listed_with_the_dead_the_newest_first(store: Store) -> None:
    died(store, a_send("one"))
    one_aside(store)
    letter = died(store, a_send("two"))
    raw(store).zadd(f"{keys.number(NUMBER)}dead", {f"send:{letter.id}": now_ms(store) + 1_000})

    assert found(store) == ["refused", "aside", "refused"]


def test_filters_choose(store: Store) -> None:
    letter = one_aside(store)
    second, hour = timedelta(seconds=1), timedelta(hours=1)

    assert found(store, causes=frozenset({"aside"}), number=NUMBER) == ["aside"]
    assert found(store, since=letter.at, until=letter.at) == ["aside"]
    for wanted in (
        {"causes": frozenset({"planning"})},
        {"codes": frozenset({131047})},
        {"number": "1"},
        {"since": letter.at + second},
        {"until": letter.at - hour},
    ):
        assert found(store, **wanted) == []


def test_first_and_last_error_are_told_apart_and_tries_are_counted(store: Store) -> None:
    letter = one_aside(store)
    review_list.redrive(store, letter)
    set_aside(store, letter.id)

    again = review_list.find(store, letter.id)

    assert isinstance(again, DeferredDelivery)
    assert (letter.attempts, again.attempts) == (1, 2)
    assert again.died_ms == letter.died_ms
    assert again.last_at >= letter.last_at
    assert again.next_at - again.last_at == timedelta(seconds=5)


def test_a_redrive_tries_it_now(store: Store) -> None:
    letter = one_aside(store)
    assert not standing(store, 0).is_deferred_due

    assert review_list.redrive(store, letter) == "redriven"

    assert standing(store, 0).is_deferred_due
    set_aside(store, bodies=Bodies([KEY]))
    assert review_list.find(store, letter.id) is None
    assert review_list.redrive(store, letter) == "changed"
    assert raw(store).exists(ASIDE, f"{ASIDE}:tries", f"{ASIDE}:why") == 0


def test_it_is_not_dropped_without_a_persons_word(store: Store) -> None:
    letter = one_aside(store)

    assert review_list.drop(store, letter) == "aside"
    assert standing(store, 0).deferred == 1
    assert lost_until(store) is None


def test_what_is_given_up_is_gone_counted_and_no_evidence(store: Store) -> None:
    letter = one_aside(store)

    came = [review_list.drop(store, letter, given_up=True) for _ in range(2)]

    assert came == ["dropped", "changed"]
    stands = standing(store, 0)
    assert (stands.deferred, stands.waiting, stands.given_up, stands.kept) == (0, 0, 1, 1)
    assert raw(store).exists(ASIDE, f"{ASIDE}:tries", f"{ASIDE}:why") == 0
    lost = lost_until(store)
    assert lost
    assert lost.timestamp() * 1000 > now_ms(store) + 100_000


def test_each_write_of_giving_up_may_fail(store: Store) -> None:
    letter = one_aside(store)
    entry = letter.id.partition(":")[2]

    for _ in each_write(store, Call("give_up", keys.partition(0), [entry])):
        # Only the count comes after it was let go.
        assert review_list.drop(store, letter, given_up=True) in ("dropped", "changed")
        assert raw(store).exists(ASIDE, f"{ASIDE}:tries", f"{ASIDE}:why") == 0
        assert raw(store).zrange(f"{keys.partition(0)}given_up", 0, -1) == [entry.encode()]


@pytest.mark.parametrize("name", ["0:1-0", "9:1-0", "0:1", "0:x-0", "0:1-0\n", ""])
def test_what_is_not_aside_is_not_found(store: Store, name: str) -> None:
    one_aside(store)

    assert review_list.find(store, name) is None
