"""What is known about an unconfirmed send, and how it comes back into its lane once."""

from datetime import timedelta

import pytest

from gateway.core.messages import template
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import Send
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.unconfirmed import (
    last_proved_at,
    note_gap,
    read_unconfirmed,
    resend,
    stream_call,
    stream_whole_since,
)
from tests.support.factories import NUMBER
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import FAST, PREFIX, a_send, lanes, queue, tell

pytestmark = pytest.mark.store
ONE, TWO = a_send("one"), a_send("two")


def doubted(store: Store, send: Send = ONE) -> None:
    """Take a send, and never learn what became of it."""
    queue(store, send)
    (attempt,) = lanes(store).pump([], 1).attempts
    till = now_ms(store) + 3_600_000
    lanes(store).pump([Outcome(send.id, attempt.ordinal, "unconfirmed", wait_ms=till)], 0)


def pass_silence(store: Store) -> None:
    """Let the ten seconds be over for which a lane waits for an unconfirmed send."""
    for lane in raw(store).zrange(f"{PREFIX}ready:reply", 0, -1):
        raw(store).zadd(f"{PREFIX}ready:reply", {lane: 0})


def test_a_doubt_is_found_with_its_attempt(store: Store) -> None:
    doubted(store)

    (found,) = read_unconfirmed(store, NUMBER)

    assert (found.send, found.attempt) == (ONE.id, 1)
    assert (found.evidence.is_template, found.evidence.repeated, found.evidence.overtaken) == (
        False,
    ) * 3


def test_a_template_is_told_apart(store: Store) -> None:
    doubted(store, a_send("template", body=template("order", "en")))

    assert read_unconfirmed(store, NUMBER)[0].evidence.is_template


def test_a_template_in_the_place_of_a_text_is_a_template(store: Store) -> None:
    send = a_send("one", closed="template", instead=template("order", "en"))
    queue(store, send)
    lanes(store).pump([], 1)
    lanes(store).pump([Outcome(send.id, 1, "instead", error_json="{}")], 1)
    till = now_ms(store) + 3_600_000
    lanes(store).pump([Outcome(send.id, 2, "unconfirmed", wait_ms=till)], 0)

    assert read_unconfirmed(store, NUMBER)[0].evidence.is_template


def test_a_late_status_of_an_earlier_attempt_proves_nothing_of_the_next(store: Store) -> None:
    doubted(store)
    (found,) = read_unconfirmed(store, NUMBER)
    raw(store).hincrby(f"{PREFIX}send:{ONE.id}", "began:1", -60_000)
    assert resend(store, NUMBER, found)
    pass_silence(store)
    lanes(store).pump([], 1)

    tell(store, "sent", ONE)

    proved = last_proved_at(store, NUMBER)
    assert proved
    assert proved < found.evidence.attempted_at - timedelta(seconds=50)


def test_many_doubts_are_looked_at_in_turns(store: Store) -> None:
    for name in ("a", "b", "c"):
        doubted(store, a_send(name, name))

    found = [{one.send[0] for one in read_unconfirmed(store, NUMBER, turn, 2)} for turn in range(3)]

    assert found[0] == found[2]
    assert (len(found[0]), found[0] | found[1]) == (2, {"a", "b", "c"})


def test_a_doubt_learns_that_a_later_send_of_its_lane_was_accepted(store: Store) -> None:
    doubted(store)
    pass_silence(store)
    queue(store, TWO)
    (attempt,) = lanes(store).pump([], 1).attempts

    lanes(store).pump([Outcome(attempt.send, 1, "accepted", "wamid.two")], 0)

    (found,) = read_unconfirmed(store, NUMBER)
    assert (attempt.send, found.evidence.overtaken) == (TWO.id, True)
    assert not resend(store, NUMBER, found)


def test_a_doubt_comes_back_into_its_lane_once(store: Store) -> None:
    doubted(store)
    (found,) = read_unconfirmed(store, NUMBER)
    pass_silence(store)
    lanes(store).pump([], 1)

    assert (resend(store, NUMBER, found), resend(store, NUMBER, found)) == (True, False)

    (attempt,) = lanes(store).pump([], 1).attempts
    assert (attempt.send, attempt.ordinal) == (ONE.id, 2)
    till = now_ms(store) + 3_600_000
    lanes(store).pump([Outcome(ONE.id, 2, "unconfirmed", wait_ms=till)], 0)
    (still,) = read_unconfirmed(store, NUMBER)
    assert still.evidence.repeated
    assert not resend(store, NUMBER, still)


def test_a_doubt_that_a_status_confirmed_meanwhile_is_not_repeated(store: Store) -> None:
    doubted(store)
    (found,) = read_unconfirmed(store, NUMBER)

    tell(store, "sent", ONE)

    assert not resend(store, NUMBER, found)
    assert read_unconfirmed(store, NUMBER) == []


def test_a_status_proves_that_statuses_of_its_time_come(store: Store) -> None:
    queue(store, ONE)
    lanes(store, FAST).pump([], 1)
    before = last_proved_at(store, NUMBER)

    tell(store, "sent", ONE)

    after = last_proved_at(store, NUMBER)
    assert before is None
    assert after is not None
    assert abs(after.timestamp() * 1000 - now_ms(store)) < 60_000


def test_a_status_that_a_person_replays_proves_nothing(store: Store) -> None:
    queue(store, ONE)
    lanes(store, FAST).pump([], 1)

    tell(store, "sent", ONE, replayed=True)

    assert raw(store).hget(f"{PREFIX}send:{ONE.id}", "stage") == b"sent"
    assert last_proved_at(store, NUMBER) is None


def ahead_s(store: Store) -> float:
    """Return how many seconds from now the stream counts as whole."""
    return stream_whole_since(store).timestamp() - now_ms(store) / 1000


@pytest.mark.parametrize(
    ("gap_s", "wanted_s"), [(5, 120), (40, 120), (41, 123), (600, 1800)], ids=str
)
def test_a_gap_is_waited_for_three_times_its_length_and_two_minutes_at_least(
    store: Store, gap_s: int, wanted_s: int
) -> None:
    call = stream_call(alive=True)
    store.call(call.script, call.prefix, *call.args)

    note_gap(store, timedelta(seconds=gap_s))

    assert ahead_s(store) == pytest.approx(wanted_s, abs=2)


def test_without_a_gap_the_stream_is_whole(store: Store) -> None:
    call = stream_call(alive=True)
    store.call(call.script, call.prefix, *call.args)
    store.call(call.script, call.prefix, *call.args)

    assert ahead_s(store) < 0


def test_a_time_without_a_web_process_is_a_gap_while_it_lasts_and_after(store: Store) -> None:
    raw(store).hset(keys.STATUS_STREAM, "alive", now_ms(store) - 100_000)

    lasting = ahead_s(store)
    call = stream_call(alive=True)
    store.call(call.script, call.prefix, *call.args)

    assert lasting == pytest.approx(300, abs=2)
    assert ahead_s(store) == pytest.approx(300, abs=2)


def test_a_shorter_gap_does_not_shorten_the_wait_after_a_longer_one(store: Store) -> None:
    call = stream_call(alive=True)
    store.call(call.script, call.prefix, *call.args)
    note_gap(store, timedelta(seconds=600))

    note_gap(store, timedelta(seconds=1))

    assert ahead_s(store) == pytest.approx(1800, abs=2)


DOUBTS = f"{PREFIX}doubts:reply:{ONE.lane}"


def accept(store: Store, send: Send) -> None:
    queue(store, send)
    (attempt,) = lanes(store).pump([], 1).attempts
    lanes(store).pump([Outcome(attempt.send, 1, "accepted", f"wamid.{send.id}")], 0)


def test_what_was_overtaken_is_no_longer_listed(store: Store) -> None:
    doubted(store)
    pass_silence(store)

    accept(store, TWO)

    assert raw(store).exists(DOUBTS) == 0


def test_a_doubt_that_is_gone_comes_back_as_no_ghost(store: Store) -> None:
    raw(store).sadd(DOUBTS, "gone")

    accept(store, ONE)

    assert raw(store).exists(f"{PREFIX}send:gone") == 0
    assert raw(store).exists(DOUBTS) == 0


def test_an_acceptance_looks_at_a_hundred_doubts_at_most(store: Store) -> None:
    raw(store).sadd(DOUBTS, *(f"gone {n}" for n in range(250)))

    accept(store, ONE)
    assert raw(store).scard(DOUBTS) == 150
    accept(store, TWO)

    assert raw(store).scard(DOUBTS) == 50


def test_doubts_that_are_over_make_room_for_one_that_is_not(store: Store) -> None:
    raw(store).sadd(DOUBTS, *(f"gone {n}" for n in range(100)))

    doubted(store)

    assert raw(store).smembers(DOUBTS) == {ONE.id.encode()}
    assert not read_unconfirmed(store, NUMBER)[0].evidence.overtaken


def test_one_doubt_too_many_is_left_to_a_person(store: Store) -> None:
    for n in range(100):
        raw(store).hset(f"{PREFIX}send:open{n}", "stage", "unconfirmed")
        raw(store).sadd(DOUBTS, f"open{n}")

    doubted(store)

    (found,) = read_unconfirmed(store, NUMBER)
    assert found.evidence.overtaken
    assert not resend(store, NUMBER, found)
    assert raw(store).scard(DOUBTS) == 100
