"""Dead letters are found, begin again exactly once, and are let go."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.dead_letters.dead_letter import DeadEvent
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.planning.batch import Failure
from gateway.store import keys
from gateway.store.dead_letters import dead_letters
from gateway.store.dead_letters.dead_letters import DeadLetter
from gateway.store.maintenance import retention
from gateway.store.number_list import add_number
from gateway.store.planning.commit import commit, store_dead_letters
from gateway.store.redis.client import Call, Store
from tests.support.factories import NUMBER, a_message
from tests.support.store.dead_sends import die, died
from tests.support.store.failing_scripts import each_write
from tests.support.store.inbox_state import inbox, keep
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    counted,
    dead_members,
    queue,
    stage,
    take,
)

pytestmark = pytest.mark.store
ONE, TWO = a_send("one"), a_send("two")


@pytest.fixture(autouse=True)
def _listed(store: Store) -> None:
    add_number(store, NUMBER)


def names(letters: Iterable[DeadLetter]) -> list[str]:
    return [one.id.rstrip("x") for one in letters]


def test_letters_are_read_the_newest_first_from_all_numbers(store: Store) -> None:
    queue(store, ONE, TWO)
    for send in (ONE, TWO):
        die(store, send)
    add_number(store, "1")
    store_dead_letters(store, [Failure(a_message(number="1"), "KeyError", "a trace")])
    raw(store).zadd(f"{PREFIX}dead", {f"send:{TWO.id}": 1})
    raw(store).zadd(
        f"{keys.number('1')}dead", {raw(store).zrange(f"{keys.number('1')}dead", 0, 0)[0]: 2}
    )

    read = list(dead_letters.iter_dead_letters(store, DeadLetterFilter()))

    assert [(one.number, one.cause) for one in read] == [
        (NUMBER, "refused"),
        ("1", "planning"),
        (NUMBER, "refused"),
    ]
    assert [one.died_ms for one in read][1:] == [2, 1]


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


FILTERS = {
    "nothing": (DeadLetterFilter(), ["one", "two"]),
    "number": (DeadLetterFilter(number=NUMBER), ["one", "two"]),
    "another number": (DeadLetterFilter(number="1"), []),
    "cause": (DeadLetterFilter(causes=frozenset({"expired"})), ["two"]),
    "code": (DeadLetterFilter(codes=frozenset({131047})), ["one"]),
    "since": (DeadLetterFilter(since=moment(2_000)), ["one"]),
    "until": (DeadLetterFilter(until=moment(1_000)), ["two"]),
    "between": (DeadLetterFilter(since=moment(1_250), until=moment(1_750)), []),
}


@pytest.mark.parametrize(("wanted", "expected"), FILTERS.values(), ids=FILTERS)
def test_filters_choose(store: Store, wanted: DeadLetterFilter, expected: list[str]) -> None:
    died(store, ONE)
    queue(store, a_send("two", expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    take(store)
    raw(store).zadd(f"{PREFIX}dead", {f"send:{TWO.id}": 1_000, f"send:{ONE.id}": 2_000})

    assert names(dead_letters.iter_dead_letters(store, wanted)) == expected


@pytest.mark.parametrize("name", ["", "nobody", "ff" * 16, "zz" * 16, "\ud800"])
def test_an_unknown_id_finds_nothing(store: Store, name: str) -> None:
    died(store, ONE)

    assert dead_letters.find(store, name) is None


def test_what_lives_or_is_gone_is_no_dead_letter(store: Store) -> None:
    queue(store, ONE)
    raw(store).zadd(
        f"{PREFIX}dead", {f"send:{ONE.id}": 1, "send:gone": 2, b"event:" + b"g" * 16: 3}
    )

    assert list(dead_letters.iter_dead_letters(store, DeadLetterFilter())) == []


def delivered(store: Store) -> tuple[str, DeadLetter]:
    """Keep a delivery, pass it, and let the planning of its event have failed."""
    place, _ = keep(store, 2, "a delivery", "another, which holds the cursor")
    with inbox(store).lease() as held:
        held.next_batch()
        held.next_batch()
    event = a_message(delivery=place)
    store_dead_letters(store, [Failure(event, "KeyError", "a trace")])
    (letter,) = dead_letters.iter_dead_letters(store, DeadLetterFilter())
    return place, letter


def test_the_delivery_of_a_redriven_event_comes_again_byte_for_byte(store: Store) -> None:
    place, letter = delivered(store)

    assert dead_letters.redrive(store, letter) == "redriven"

    with inbox(store).lease() as held:
        (again,) = held.next_batch().deliveries
    assert (again.body, again.origin, again.secret) == (b"a delivery", "meta", "0")
    assert again.id.startswith("2:")
    assert again.id != place
    assert counted(store, "events.redriven") == 1


def test_the_letter_of_an_event_stays_until_the_event_is_committed(store: Store) -> None:
    _, letter = delivered(store)
    dead_letters.redrive(store, letter)
    assert dead_letters.find(store, letter.id) == letter

    commit(store, planned(store, a_message()), WEEK)

    assert dead_letters.find(store, letter.id) is None
    assert dead_members(store) == []


def test_an_event_that_dies_again_is_told_with_both_errors_and_lives_on(store: Store) -> None:
    _, letter = delivered(store)
    member = b"event:" + bytes.fromhex(letter.id)
    raw(store).zadd(f"{PREFIX}dead", {member: 1_000})
    raw(store).hset(f"{PREFIX}deaths:".encode() + member, "first_at", 1)
    seen = dead_letters.find(store, letter.id)
    assert seen is not None

    for _ in range(2):  # the same delivery, read twice, is one death
        store_dead_letters(
            store, [Failure(a_message(delivery="0:9-0"), "ValueError", "another trace")]
        )

    again = dead_letters.find(store, letter.id)
    assert isinstance(again, DeadEvent)
    assert (again.attempts, again.trace, again.first_at.timestamp()) == (2, "another trace", 0.001)
    assert [again.first_error["reason"], again.error["reason"]] == ["KeyError", "ValueError"]
    assert again.died_ms > 1_000
    assert dead_letters.drop(store, seen) is False
    assert counted(store, "events.dead") == 2


def test_an_event_whose_delivery_was_trimmed_cannot_be_redriven(store: Store) -> None:
    _, letter = delivered(store)
    retention.trim(store, timedelta(0))

    assert dead_letters.redrive(store, letter) == "trimmed"
    assert dead_letters.find(store, letter.id) == letter


def test_a_dropped_send_is_off_the_list_and_its_row_may_be_compacted(store: Store) -> None:
    letter = died(store, ONE)

    assert [dead_letters.drop(store, letter) for _ in range(2)] == [True, False]

    assert (dead_members(store), stage(store, ONE)) == ([], "dead")
    assert raw(store).zscore(f"{PREFIX}finished", ONE.id) <= now_ms(store)


def test_what_died_again_since_it_was_read_is_not_dropped(store: Store) -> None:
    letter = died(store, ONE)
    raw(store).zadd(f"{PREFIX}dead", {f"send:{ONE.id}": letter.died_ms + 1})

    assert dead_letters.drop(store, letter) is False
    assert dead_members(store) == [f"send:{ONE.id}"]


def test_each_write_of_a_drop_may_fail(store: Store) -> None:
    _, letter = delivered(store)
    member = b"event:" + bytes.fromhex(letter.id)

    for _ in each_write(store, Call("drop_dead_letter", PREFIX, [member, letter.died_ms])):
        assert dead_letters.drop(store, letter) is True
        assert raw(store).keys(f"{PREFIX}dea*") == []


def test_now_is_the_servers(store: Store) -> None:
    assert abs(dead_letters.server_time(store).timestamp() * 1000 - now_ms(store)) < 2_000


def test_letters_of_one_moment_are_read_in_pages_and_each_once(store: Store) -> None:
    members = {b"event:%016d" % n: 5 if n < 450 else n for n in range(900)}
    raw(store).zadd(f"{PREFIX}dead", members)
    told = '{"error":"KeyError","trace":"","key":"k","delivery":"0:1-0","item":0,"raw":{}}'
    raw(store).mset({f"{PREFIX}dead:".encode() + member: told for member in members})

    found = [
        (one.died_ms, one.id) for one in dead_letters.iter_dead_letters(store, DeadLetterFilter())
    ]

    assert len(found) == len(set(found)) == 900
    assert [died for died, _ in found] == sorted(members.values(), reverse=True)
    assert len(list(dead_letters.iter_dead_letters(store, DeadLetterFilter(), most=7))) == 7


def test_a_number_has_room_for_so_many_and_the_oldest_makes_way(store: Store) -> None:
    store_dead_letters(store, [Failure(a_message("wamid.first"), "KeyError", "")])
    ((first, _),) = raw(store).zrange(f"{PREFIX}dead", 0, 0, withscores=True)
    raw(store).zadd(f"{PREFIX}dead", {first: 1})
    for start in range(0, 99_999, 9_999):
        some = range(start, min(start + 9_999, 99_999))
        raw(store).zadd(f"{PREFIX}dead", {f"send:{n}": n + 2 for n in some})

    store_dead_letters(store, [Failure(a_message("wamid.last"), "KeyError", "")])

    assert raw(store).zcard(f"{PREFIX}dead") == 100_000
    assert raw(store).zscore(f"{PREFIX}dead", first) is None
    assert raw(store).exists(f"{PREFIX}dead:".encode() + first) == 0
    assert raw(store).exists(f"{PREFIX}deaths:".encode() + first) == 0
    assert counted(store, "dead.crowded_out") == 1
