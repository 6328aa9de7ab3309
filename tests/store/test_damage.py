"""What is damaged, or cannot be read, stops nobody but itself, and is told of."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.core.dead_letters.dead_letter import DeadSend
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import Send
from gateway.store import number_list
from gateway.store.dead_letters import dead_letters
from gateway.store.maintenance import due_items
from gateway.store.maintenance.due_items import TickResult
from gateway.store.outgoing.receiver_states import read_receiver_states
from gateway.store.redis.client import Call, ScriptError, Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER
from tests.support.store.failing_scripts import each_write
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    about_s,
    counted,
    lanes,
    make_ready,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
)

pytestmark = pytest.mark.store
ODD, NEXT, WELL = a_send("odd", "1"), a_send("next", "1"), a_send("well", "2")
ROW = f"{PREFIX}send:{ODD.id}"


def another_type(key: str) -> Callable[[Store], None]:
    def harm(store: Store) -> None:
        raw(store).delete(key)
        raw(store).set(key, "x")

    return harm


def without(*fields: str) -> Callable[[Store], None]:
    return lambda store: raw(store).hdel(ROW, *fields)


def with_field(name: str, value: str) -> Callable[[Store], None]:
    return lambda store: raw(store).hset(ROW, name, value)


HARM_TO_LANES = {
    "the row is of another type": another_type(ROW),
    "the lane is of another type": another_type(f"{PREFIX}lane:reply:1"),
    "the contact is of another type": another_type(f"{PREFIX}contact:1"),
    "the pair is no number": lambda store: raw(store).set(f"{PREFIX}pair:1", "soon"),
    "the pair is of another type": lambda store: raw(store).hset(f"{PREFIX}pair:1", "a", "b"),
    "the row has no expiry": without("expires"),
    "the row has no rung": without("rung"),
    "the row's attempts are no number": with_field("attempts", "many"),
}


@pytest.mark.parametrize("harm", HARM_TO_LANES.values(), ids=HARM_TO_LANES)
def test_a_damaged_lane_rests_and_its_neighbours_go_on(
    store: Store, harm: Callable[[Store], None]
) -> None:
    queue(store, ODD, WELL)
    harm(store)

    taken = lanes(store).pump([], 9)

    assert [one.send for one in taken.attempts] == [WELL.id]
    assert [one.kind for one in taken.damaged] == ["lane"]
    assert ready_in_s(store, "1") == about_s(60)
    assert not taken.has_more
    settle(store, WELL, "accepted", wamid="wamid.w")
    assert stage(store, WELL) == "accepted"


def test_what_was_taken_of_a_lane_that_failed_half_way_is_not_in_doubt(store: Store) -> None:
    queue(store, ODD)
    another_type(f"{PREFIX}count")(store)

    assert lanes(store).pump([], 9).attempts == []

    assert (row(store, ODD)["stage"], row(store, ODD)["attempts"]) == ("queued", "0")
    raw(store).delete(f"{PREFIX}count")
    make_ready(store, "1")
    assert take(store) == ["odd"]
    assert row(store, ODD)["attempts"] == "1"


HARM_TO_OUTCOMES = {
    "the row is of another type": another_type(ROW),
    "the lane is of another type": another_type(f"{PREFIX}lane:reply:1"),
    "the doubts are of another type": another_type(f"{PREFIX}doubts:reply:1"),
    "the row has no attempts and no rung": without("attempts", "rung"),
}


@pytest.mark.parametrize("harm", HARM_TO_OUTCOMES.values(), ids=HARM_TO_OUTCOMES)
def test_an_outcome_that_cannot_be_settled_holds_up_no_other(
    store: Store, harm: Callable[[Store], None]
) -> None:
    queue(store, ODD, WELL)
    lanes(store).pump([], 9)
    harm(store)
    told = [Outcome(one.id, 1, "accepted", f"wamid.{one.id}") for one in (ODD, WELL)]

    taken = lanes(store).pump(told, 9)

    assert [(one.kind, one.item) for one in taken.damaged] == [("outcome", ODD.id)]
    assert stage(store, WELL) == "accepted"


def test_what_a_lost_call_took_is_given_back_beside_what_is_damaged(store: Store) -> None:
    queue(store, ODD, WELL)
    store.call("pump", PREFIX, 30_000, 9, 1_000, "lost", "")
    another_type(ROW)(store)

    *_, damaged, _ = store.call("pump", PREFIX, 30_000, 0, 1_000, "next", "lost")

    assert damaged[:2] == [b"lost", ODD.id.encode()]
    assert stage(store, WELL) == "queued"


def test_a_server_that_cannot_write_is_no_damage(store: Store) -> None:
    queue(store, ODD)
    (attempt,) = lanes(store).pump([], 9).attempts
    settled = [attempt.send, 1, "accepted", "wamid.1", 0, "", "{}"]
    settling = Call("pump", PREFIX, [30_000, 0, 1_000, "one", "", *settled])

    # Each of its writes failed by what is not known as damage, and so did the call.
    assert len(list(each_write(store, settling))) > 5


def unreadable_row(store: Store) -> None:
    raw(store).hset(ROW, "row", b'{"body": \xff')


def row_of_another_shape(store: Store) -> None:
    raw(store).hset(ROW, "row", '{"request": {}}')


def contact_that_is_no_json(store: Store) -> None:
    raw(store).hset(f"{PREFIX}contact:1", mapping={"version": "v", "state": "{"})


def contact_of_another_shape(store: Store) -> None:
    raw(store).hset(f"{PREFIX}contact:1", mapping={"version": "v", "state": '{"used": 3}'})


@pytest.fixture
def listed(store: Store) -> Store:
    number_list.add_number(store, NUMBER)
    return store


@pytest.mark.parametrize(
    "harm",
    [unreadable_row, row_of_another_shape, contact_that_is_no_json, contact_of_another_shape],
    ids=lambda harm: harm.__name__,
)
def test_a_send_that_cannot_be_read_is_a_dead_letter_and_all_others_go(
    listed: Store, harm: Callable[[Store], None]
) -> None:
    queue(listed, ODD, WELL)
    harm(listed)

    taken = lanes(listed).pump([], 9)
    after = lanes(listed).pump(taken.unopened, 0)

    assert [one.send for one in taken.attempts] == [WELL.id]
    assert (raw(listed).hget(ROW, "stage"), after.damaged) == (b"dead", ())
    (letter,) = dead_letters.iter_dead_letters(listed, DeadLetterFilter())
    assert isinstance(letter, DeadSend)
    assert (letter.id, letter.cause, letter.open) == (ODD.id, "unopened", False)


def test_a_send_that_could_not_be_read_is_redriven_as_it_was(listed: Store) -> None:
    queue(listed, ODD)
    whole = row(listed, ODD)["row"]
    unreadable_row(listed)
    lanes(listed).pump(lanes(listed).pump([], 9).unopened, 0)
    (letter,) = dead_letters.iter_dead_letters(listed, DeadLetterFilter())

    raw(listed).hset(ROW, "row", whole)
    assert dead_letters.redrive(listed, letter) == "redriven"

    (attempt,) = lanes(listed).pump([], 9).attempts
    assert (attempt.body, attempt.ordinal) == (orjson.loads(whole)["body"], 2)


def ticked(store: Store) -> TickResult:
    (due,) = due_items.tick(store)
    return due


def waits_in(store: Store, name: str, *sends: Send) -> None:
    for send in sends:
        raw(store).zadd(f"{PREFIX}{name}", {send.id: 1})


def rests_s(store: Store, name: str, send: Send) -> int:
    score: Any = raw(store).zscore(f"{PREFIX}{name}", send.id)
    return round((float(score) - now_ms(store)) / 1_000)


@pytest.mark.parametrize("harm", [another_type(ROW), without("rung")], ids=["type", "rung"])
def test_what_is_due_goes_beside_what_is_damaged(
    listed: Store, harm: Callable[[Store], None]
) -> None:
    queue(listed, ODD, WELL)
    raw(listed).delete(f"{PREFIX}lane:reply:2", f"{PREFIX}ready:reply")
    waits_in(listed, "due", ODD, WELL)
    harm(listed)

    due = ticked(listed)

    assert [(one.kind, one.item) for one in due.damaged] == [("due", ODD.id)]
    assert rests_s(listed, "due", ODD) == 300
    assert take(listed) == ["well"]
    assert ticked(listed).damaged == ()


def test_what_waited_too_long_for_its_customer_ends_beside_what_is_damaged(listed: Store) -> None:
    queue(listed, ODD, WELL)
    raw(listed).hset(f"{PREFIX}send:{WELL.id}", "stage", "parked")
    waits_in(listed, "parked", ODD, WELL)
    another_type(ROW)(listed)

    due = ticked(listed)

    assert [one.kind for one in due.damaged] == ["parked"]
    assert stage(listed, WELL) == "expired"
    assert rests_s(listed, "parked", ODD) == 300


def test_doubts_end_beside_one_that_is_damaged(listed: Store) -> None:
    queue(listed, ODD, WELL)
    lanes(listed).pump([], 9)
    for send in (ODD, WELL):
        settle(listed, send, "unconfirmed", wait_ms=1)
    another_type(ROW)(listed)

    due = ticked(listed)

    assert [one.kind for one in due.damaged] == ["unconfirmed"]
    assert (stage(listed, WELL), counted(listed, "sends.dead")) == ("dead", 1)
    assert rests_s(listed, "unconfirmed", ODD) == 300


def test_timers_that_cannot_be_read_hold_up_nothing_else(listed: Store) -> None:
    queue(listed, WELL)
    raw(listed).delete(f"{PREFIX}lane:reply:2", f"{PREFIX}ready:reply")
    waits_in(listed, "due", WELL)
    waits_in(listed, "timers", ODD)
    another_type(f"{PREFIX}timer")(listed)

    due = ticked(listed)

    assert ([one.kind for one in due.damaged], due.timers) == (["timers"], {})
    assert take(listed) == ["well"]
    assert rests_s(listed, "timers", ODD) == 300


def test_what_a_person_let_go_on_goes_beside_what_is_damaged(listed: Store) -> None:
    odd, well = a_send("odd", "1", rule="offers"), a_send("well", "2", rule="offers")
    queue(listed, odd, well)
    pauses.hold(listed, [NUMBER], "offers", "why")
    lanes(listed).pump([], 9)
    pauses.release(listed, [NUMBER], "offers")
    another_type(ROW)(listed)

    due = ticked(listed)

    assert [one.kind for one in due.damaged] == ["held"]
    assert take(listed) == ["well"]
    assert rests_s(listed, "due", odd) == 300


def test_a_number_that_is_damaged_as_a_whole_says_so(store: Store) -> None:
    queue(store, WELL)
    another_type(f"{PREFIX}ready:reply")(store)

    with pytest.raises(ScriptError, match="WRONGTYPE"):
        lanes(store).pump([], 9)


@pytest.mark.parametrize("key", ["forwards", "forwards:crm:kept"])
def test_a_tick_goes_on_beside_damaged_receivers_of_forwards(listed: Store, key: str) -> None:
    queue(listed, WELL)
    raw(listed).zadd(f"{PREFIX}forwards", {"crm": 1, "bot": 2})
    raw(listed).zadd(f"{PREFIX}forwards:bot:kept", {"id": 9})
    another_type(f"{PREFIX}{key}")(listed)

    due = ticked(listed)

    assert [one.kind for one in due.damaged] == ["forwards"]
    assert due.overdue_ms["reply"] >= 0
    assert due.oldest_referred_ms == (None if key == "forwards" else 9)
    known = [one.receiver for one in read_receiver_states(listed, [NUMBER])]
    assert known == ([] if key == "forwards" else ["crm", "bot"])


def test_a_damaged_receiver_hides_no_other(listed: Store) -> None:
    raw(listed).zadd(f"{PREFIX}forwards", {"crm": 1, "bot": 2})
    another_type(f"{PREFIX}forwards:crm:waiting")(listed)

    assert [one.receiver for one in read_receiver_states(listed, [NUMBER])] == ["bot"]
