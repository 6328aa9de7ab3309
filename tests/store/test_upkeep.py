"""What runs by the clock moves what is due, however late or often it comes."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.send import PRIORITIES
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages
from gateway.store.maintenance import due_items, retention
from gateway.store.planning.commit import commit
from gateway.store.redis.client import ScriptError, Store
from tests.support.factories import ANA, NUMBER, a_message
from tests.support.store.inbox_state import inbox, keep
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    about_s,
    counted,
    dead_members,
    lanes,
    queue,
    queue_at_once,
    ready_in_s,
    row,
    settle,
    stage,
    take,
    tell,
)

pytestmark = pytest.mark.store
ONE, TWO = a_send("one"), a_send("two")


def tick(store: Store) -> due_items.TickResult:
    number_list.add_number(store, NUMBER)
    (found,) = due_items.tick(store)
    return found


def become_due(store: Store, name: str = "due") -> None:
    """Let the moment come for which everything in a set waits, without changing its order."""
    for member, score in raw(store).zrange(f"{PREFIX}{name}", 0, -1, withscores=True):
        raw(store).zadd(f"{PREFIX}{name}", {member: score - 3_700_000})


def test_a_send_enters_its_lane_when_it_is_due(store: Store) -> None:
    queue(store, a_send("later", due_at=datetime.now(UTC) + timedelta(hours=1)))
    assert (tick(store).moved_items, take(store)) == (0, [])

    become_due(store)

    assert (tick(store).moved_items, take(store)) == (1, ["later"])
    assert tick(store).moved_items == 0


def test_what_is_due_in_the_same_moment_keeps_the_order_of_its_plan(store: Store) -> None:
    due_at = datetime.now(UTC) + timedelta(hours=1)
    sends = [a_send(name, due_at=due_at) for name in "zamb"]
    queue_at_once(store, *sends)
    become_due(store)

    tick(store)

    lane = raw(store).zrange(f"{PREFIX}lane:reply:{ANA}", 0, -1)
    assert [member.decode() for member in lane] == [send.id for send in sends]


def test_a_send_that_waited_for_another_attempt_goes_behind_its_successors(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    settle(store, ONE, "later", wait_ms=90_000)
    become_due(store)
    tick(store)

    assert take(store) == ["two"]
    settle(store, TWO, "accepted", wamid="wamid.two")
    (attempt,) = lanes(store).pump([], 9).attempts
    assert (attempt.send, attempt.ordinal) == (ONE.id, 2)


@pytest.mark.parametrize("news", ["sent", "failed"])
def test_what_was_settled_meanwhile_does_not_enter_its_lane(store: Store, news: str) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "later", wait_ms=90_000)
    tell(store, news, ONE)
    raw(store).zadd(f"{PREFIX}due", {ONE.id: 1, "forgotten": 1})

    tick(store)

    assert (take(store), raw(store).zcard(f"{PREFIX}due")) == ([], 0)


def test_a_tick_does_not_disturb_a_lane_that_is_at_work(store: Store) -> None:
    queue(store, ONE, a_send("later", due_at=datetime.now(UTC) + timedelta(hours=1)))
    take(store)
    become_due(store)

    tick(store)

    assert (ready_in_s(store), take(store)) == (about_s(30), [])


def test_an_unconfirmed_send_that_expired_is_a_dead_letter(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "unconfirmed", wait_ms=now_ms(store) + 3_600_000)
    assert (tick(store).moved_items, stage(store, ONE)) == (0, "unconfirmed")

    become_due(store, "unconfirmed")

    assert tick(store).moved_items == 1
    assert (stage(store, ONE), row(store, ONE)["final"]) == ("dead", "1")
    assert (dead_members(store), counted(store, "sends.dead")) == ([f"send:{ONE.id}"], 1)
    assert tick(store).moved_items == 0


def test_what_was_confirmed_in_time_is_no_dead_letter(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.out")
    raw(store).zadd(f"{PREFIX}unconfirmed", {ONE.id: 1})

    tick(store)

    assert (stage(store, ONE), dead_members(store)) == ("accepted", [])
    assert raw(store).zcard(f"{PREFIX}unconfirmed") == 0


def test_a_tick_moves_a_bounded_number(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    raw(store).zadd(f"{PREFIX}due", {f"gone {i}": i for i in range(1_100)})

    moved = [[one.moved_items for one in due_items.tick(store)] for _ in range(3)]

    # In short scripts, between which the server answers others.
    assert moved == [[200] * 5, [100], [0]]


def set_timer(store: Store, name: str, due: int) -> None:
    store.call("commit", PREFIX, "", "", "", "", "timer", 3, name, due, f'{{"key":"{name}"}}')


def test_a_timer_is_told_until_it_has_arrived(store: Store) -> None:
    set_timer(store, "t1", now_ms(store))
    set_timer(store, "t2", now_ms(store) + 3_600_000)

    assert tick(store).timers == tick(store).timers == {"t1": b'{"key":"t1"}'}
    due_items.forget_timer(store, NUMBER, "t1")
    due_items.forget_timer(store, NUMBER, "t1")

    assert tick(store).timers == {}
    assert raw(store).hkeys(f"{PREFIX}timer") == [b"t2"]


def test_a_timer_that_is_set_twice_keeps_its_first_moment(store: Store) -> None:
    set_timer(store, "t1", 1)
    set_timer(store, "t1", now_ms(store) + 3_600_000)

    assert list(tick(store).timers) == ["t1"]


def test_a_tick_tells_how_long_ready_lanes_have_waited(store: Store) -> None:
    queue(store, ONE)
    raw(store).zadd(f"{PREFIX}ready:reply", {ANA: now_ms(store) - 4_000})
    raw(store).zadd(f"{PREFIX}ready:notice", {ANA: now_ms(store) - 2_000})
    raw(store).zadd(f"{PREFIX}ready:bulk", {ANA: now_ms(store) + 4_000})

    found = tick(store).overdue_ms

    assert 4_000 <= found["reply"] < 64_000
    assert 2_000 <= found["notice"] < 62_000
    assert found["bulk"] == -1
    take(store)
    assert tick(store).overdue_ms == dict.fromkeys(PRIORITIES, -1)


def test_a_tick_runs_once_within_nine_tenths_of_a_second(store: Store) -> None:
    assert (run_ages.may_tick(store), run_ages.may_tick(store)) == (True, False)
    assert 0 < raw(store).pttl(keys.TICK_GUARD) <= 900

    raw(store).delete(keys.TICK_GUARD)

    assert run_ages.may_tick(store)


def test_a_tick_that_is_wrong_is_told(store: Store) -> None:
    raw(store).set(f"{PREFIX}due", "of another type")

    with pytest.raises(ScriptError, match="WRONGTYPE"):
        tick(store)


def test_numbers_are_listed_once_and_nobody_is_one_of_them(store: Store) -> None:
    for name in (NUMBER, "", NUMBER):
        number_list.add_number(store, name)

    assert number_list.numbers(store) == ["", NUMBER]


def test_whoever_sends_for_a_number_is_seen(store: Store) -> None:
    assert not due_items.is_pump_active(store, NUMBER, 60_000)
    queue(store, ONE)
    take(store)

    assert due_items.is_pump_active(store, NUMBER, 60_000)
    raw(store).hincrby(f"{PREFIX}tokens", "took", -60_000)
    assert not due_items.is_pump_active(store, NUMBER, 60_000)


def test_what_customers_write_is_not_taken_for_sending(store: Store) -> None:
    queue(store, ONE)
    take(store)
    raw(store).hincrby(f"{PREFIX}tokens", "took", -60_000)

    event = a_message("wamid.in")
    plan = Plan(NUMBER, Contact(""), changed=False, events=(event,), inbound=1)
    assert commit(store, [plan], WEEK) == [True]

    assert not due_items.is_pump_active(store, NUMBER, 60_000)


def test_whoever_took_before_the_clock_stepped_back_does_not_work_now(store: Store) -> None:
    queue(store, ONE)
    take(store)
    raw(store).hincrby(f"{PREFIX}tokens", "took", 3_600_000)

    assert not due_items.is_pump_active(store, NUMBER, 60_000)


def test_a_cursor_that_moved_is_seen(store: Store) -> None:
    found = [
        due_items.has_cursor_moved(store, 0, cursor) for cursor in ("0-0", "0-0", "1-0", "1-0")
    ]

    assert found == [False, False, True, False]


def passed(store: Store, index: int, count: int) -> list[str]:
    """Keep and pass so many deliveries, and return where they stand."""
    places = keep(store, index, *(f"body {i}" for i in range(count)))
    with inbox(store).lease() as held:
        while not held.next_batch().is_empty:
            pass
    return [place.partition(":")[2] for place in places]


def left(store: Store, index: int) -> list[str]:
    return [entry.decode() for entry, _ in raw(store).xrange(f"{keys.partition(index)}inbox")]


def test_trimming_never_passes_the_cursor(store: Store) -> None:
    places = passed(store, 0, 300)
    waiting = keep(store, 0, "new")
    keep(store, 1, "never read")

    assert retention.trim(store, timedelta(0)) == 299

    assert left(store, 0) == [places[-1], waiting[0].partition(":")[2]]
    assert len(left(store, 1)) == 1


def test_what_is_younger_than_the_retention_stays(store: Store) -> None:
    passed(store, 0, 5)

    assert retention.trim(store, timedelta(days=7)) == 0
    assert len(left(store, 0)) == 5


def test_what_is_older_than_the_retention_goes(store: Store) -> None:
    old = now_ms(store) - 8 * keys.DAY_MS
    inbox_key = f"{keys.partition(0)}inbox"
    for i in range(3):
        raw(store).xadd(inbox_key, {"h": "meta||", "b": b"x"}, id=f"{old}-{i}")
    (young,) = passed(store, 0, 1)

    assert retention.trim(store, timedelta(days=7)) == 3
    assert left(store, 0) == [young]


def test_old_dead_letters_leave_the_list(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    number_list.add_number(store, "")
    raw(store).zadd(f"{PREFIX}dead", {"old": now_ms(store) - 1_000_000, "new": now_ms(store)})

    assert retention.forget_dead_letters(store, datetime.now(UTC) - timedelta(seconds=500)) == 1
    assert dead_members(store) == ["new"]


def test_a_number_whose_keys_are_damaged_stops_no_other(store: Store) -> None:
    for name in ("1", NUMBER):
        number_list.add_number(store, name)
    raw(store).set(f"{keys.number('1')}due", "no set")

    due = due_items.tick(store)

    assert next(due).number == NUMBER
    with pytest.raises(ScriptError):
        next(due)


def test_so_many_numbers_are_listed_and_no_more(store: Store) -> None:
    assert number_list.add_number(store, NUMBER)
    raw(store).sadd(keys.NUMBERS, *(f"n{n}" for n in range(number_list.MOST_NUMBERS - 1)))

    assert not number_list.add_number(store, "one more")

    assert number_list.add_number(store, NUMBER)
    assert raw(store).scard(keys.NUMBERS) == number_list.MOST_NUMBERS


def test_old_dead_letters_are_forgotten_in_steps(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    raw(store).zadd(f"{PREFIX}dead", {f"send:{n}": 1_000 + n for n in range(2_500)})

    assert retention.forget_dead_letters(store, datetime.fromtimestamp(3.4, UTC)) == 2_401

    assert raw(store).zcard(f"{PREFIX}dead") == 99
