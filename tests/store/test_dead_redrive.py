"""A dead send begins again exactly once, and only where Meta did not have it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.dead_letters.dead_letter import DeadSend
from gateway.core.dead_letters.rows import ATTEMPTS_KEPT
from gateway.core.sending.retry import MAX_ATTEMPTS
from gateway.core.sending.send import BULK
from gateway.store.dead_letters import dead_letters
from gateway.store.redis.client import Call, Store
from tests.support.store.dead_sends import die, died, doubted, found
from tests.support.store.failing_scripts import dump, each_write, everything, restore
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    counted,
    dead_members,
    lanes,
    make_ready,
    queue,
    row,
    settle,
    stage,
    take,
    tell,
)

pytestmark = pytest.mark.store
ONE, TWO = a_send("one"), a_send("two")
HOUR_MS = 3_600_000


def test_a_redriven_send_is_sent_again_at_the_end_of_its_lane(store: Store) -> None:
    letter = died(store, ONE)
    queue(store, TWO)

    assert dead_letters.redrive(store, letter) == "redriven"

    assert (stage(store, ONE), dead_members(store), counted(store, "sends.redriven")) == (
        "queued",
        [],
        1,
    )
    assert "final" not in row(store, ONE)
    assert take(store) == ["two"]
    settle(store, TWO, "accepted", wamid="wamid.two")
    (attempt,) = lanes(store).pump([], 9).attempts
    assert (attempt.send, attempt.ordinal, attempt.body) == (ONE.id, 2, ONE.body)


@pytest.mark.parametrize(("rank", "hours"), [("reply", 1), (BULK, 24)])
def test_a_redriven_send_lives_as_long_as_a_new_one(store: Store, rank: str, hours: int) -> None:
    send = a_send("one", priority=rank, expires_at=datetime.now(UTC) + timedelta(minutes=1))

    dead_letters.redrive(store, died(store, send))

    left_ms = int(row(store, send)["expires"]) - now_ms(store)
    assert abs(left_ms - hours * HOUR_MS) < 5_000
    assert raw(store).pttl(f"{PREFIX}send:{send.id}") == -1
    assert raw(store).exists(f"{PREFIX}redrive:{send.id}") == 0


def test_a_send_that_fails_again_can_be_redriven_again(store: Store) -> None:
    dead_letters.redrive(store, died(store, ONE))
    die(store, ONE, attempt=2)

    assert dead_letters.redrive(store, found(store, ONE)) == "redriven"

    assert take(store) == ["one"]
    assert (row(store, ONE)["attempts"], row(store, ONE)["redriven"]) == ("3", "2")


@pytest.mark.parametrize("field", ["paused_at", "pair_refusals", "reopens"])
def test_what_was_held_against_a_send_is_forgotten(store: Store, field: str) -> None:
    died(store, ONE)
    raw(store).hset(f"{PREFIX}send:{ONE.id}", field, 3)

    dead_letters.redrive(store, found(store, ONE))

    assert field not in row(store, ONE)


def test_a_failure_that_is_told_once_more_does_not_end_what_began_again(store: Store) -> None:
    dead_letters.redrive(store, died(store, ONE))

    tell(store, "failed", ONE)

    assert (stage(store, ONE), dead_members(store)) == ("queued", [])


def test_a_death_that_is_settled_once_more_does_not_end_what_began_again(store: Store) -> None:
    dead_letters.redrive(store, died(store, ONE))

    settle(store, ONE, "dead", error_json="{}")

    assert (stage(store, ONE), dead_members(store)) == ("queued", [])


def test_a_send_that_paused_its_number_long_ago_is_not_at_fault_when_it_begins_again(
    store: Store,
) -> None:
    died(store, ONE)
    raw(store).hset(f"{PREFIX}send:{ONE.id}", "paused_at", 1)
    raw(store).hset(f"{PREFIX}stops", "resumed_at", 2)
    dead_letters.redrive(store, found(store, ONE))
    take(store)

    settle(store, ONE, "paused", 2, wait_ms=30_000, error_json="{}")

    assert stage(store, ONE) == "queued"


def try_for_good(store: Store, refusals: int) -> list[int]:
    """Let Meta say "later" to every attempt but the last, and return the tries of each."""
    tries = []
    for _ in range(refusals):
        make_ready(store)
        (attempt,) = lanes(store).pump([], 9).attempts
        tries.append(attempt.tries)
        step = "dead" if attempt.tries == MAX_ATTEMPTS else "later"
        note = f'{{"outcome":"{step}","ms":1,"code":2}}'
        settle(
            store,
            ONE,
            step,
            attempt.ordinal,
            error_json='{"code":2,"gave_up_after":8}',
            history_json=note,
        )
    return tries


def test_a_redrive_gives_a_fresh_budget_of_attempts(store: Store) -> None:
    queue(store, ONE)
    assert try_for_good(store, 8) == [*range(1, 9)]

    assert dead_letters.redrive(store, found(store, ONE)) == "redriven"

    assert try_for_good(store, 8) == [*range(1, 9)]
    letter = found(store, ONE)
    assert (letter.attempts, letter.redriven, letter.cause) == (16, 1, "gave_up")


def test_a_row_stays_small_however_often_its_send_is_tried(store: Store) -> None:
    queue(store, ONE)
    sizes = []
    for _ in range(12):
        try_for_good(store, 8)
        sizes.append(raw(store).hlen(f"{PREFIX}send:{ONE.id}"))
        assert dead_letters.redrive(store, found(store, ONE)) == "redriven"

    # Only that it was begun again, and what it had ended over, is added for each time.
    assert sizes[-1] - sizes[4] == 2 * (12 - 5)
    assert sum(name.startswith("attempt:") for name in row(store, ONE)) == ATTEMPTS_KEPT


def test_what_meta_may_have_had_long_ago_is_never_forgotten(store: Store) -> None:
    dead_letters.redrive(store, doubted(store, ONE), unconfirmed=True)
    for _ in range(4):
        try_for_good(store, 8)
        letter = found(store, ONE)
        assert dead_letters.redrive(store, letter) == "unconfirmed"
        dead_letters.redrive(store, letter, unconfirmed=True)

    assert letter.attempts == 33
    assert letter.story[1].what == "attempt 1"


def test_a_send_is_not_redriven_for_ever(store: Store) -> None:
    died(store, ONE)
    raw(store).hset(f"{PREFIX}send:{ONE.id}", "redriven", dead_letters.MOST_REDRIVES)

    assert dead_letters.redrive(store, found(store, ONE)) == "too_often"
    assert dead_members(store) == [f"send:{ONE.id}"]


def test_one_letter_redriven_twice_is_sent_once(store: Store) -> None:
    letter = died(store, ONE)

    assert [dead_letters.redrive(store, letter) for _ in range(2)] == ["redriven", "changed"]

    assert (take(store), take(store)) == (["one"], [])


def test_an_old_look_at_a_send_that_died_again_redrives_nothing(store: Store) -> None:
    queue(store, a_send("one", expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    looks = []
    for _ in range(3):
        assert take(store) == []
        looks.append(found(store, ONE))
        assert dead_letters.redrive(store, looks[-1]) == "redriven"
        raw(store).hset(f"{PREFIX}send:{ONE.id}", "expires", 1)
    take(store)

    # Nothing was learned of it in between, so only the times that it was redriven tell them apart.
    assert looks[1].fields == looks[2].fields == found(store, ONE).fields
    assert [dead_letters.redrive(store, look) for look in looks] == ["changed"] * 3


def test_eight_redrives_at_once_send_once(store: Store) -> None:
    letter = died(store, ONE)

    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda _: dead_letters.redrive(store, letter), range(8)))

    assert sorted(came) == ["changed"] * 7 + ["redriven"]
    assert raw(store).zcard(f"{PREFIX}lane:reply:{ONE.lane}") == 1


def test_what_meta_took_after_all_is_not_redriven(store: Store) -> None:
    doubted(store, ONE)
    tell(store, "delivered", ONE)

    assert dead_letters.redrive(store, found(store, ONE), unconfirmed=True) == "accepted"
    assert take(store) == []


def test_news_between_the_look_and_the_redrive_stop_it(store: Store) -> None:
    letter = doubted(store, ONE)
    tell(store, "sent", ONE)

    assert dead_letters.redrive(store, letter, unconfirmed=True) == "changed"
    assert (stage(store, ONE), take(store)) == ("dead", [])


def test_an_unconfirmed_send_is_redriven_only_on_a_persons_word(store: Store) -> None:
    letter = doubted(store, ONE)

    assert (letter.cause, dead_letters.redrive(store, letter)) == ("unconfirmed", "unconfirmed")
    assert dead_letters.redrive(store, letter, unconfirmed=True) == "redriven"
    make_ready(store)  # it held its lane for ten seconds
    assert take(store) == ["one"]


def test_a_doubt_stays_a_doubt_when_a_later_attempt_was_refused(store: Store) -> None:
    dead_letters.redrive(store, doubted(store, ONE), unconfirmed=True)
    make_ready(store)
    die(store, ONE, attempt=2)

    assert dead_letters.redrive(store, found(store, ONE)) == "unconfirmed"


def test_a_message_that_meta_failed_is_sent_as_a_new_one_and_counts_as_no_double(
    store: Store,
) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.1", history_json='{"outcome":"accepted"}')
    tell(store, "failed", ONE, "wamid.1")
    letter = found(store, ONE)

    assert (letter.cause, letter.code, dead_letters.redrive(store, letter)) == (
        "failed_status",
        131026,
        "redriven",
    )
    assert take(store) == ["one"]
    settle(store, ONE, "accepted", 2, wamid="wamid.2", history_json='{"outcome":"accepted"}')

    told = row(store, ONE)
    assert json.loads(told["ended:1"]) == json.loads(told["first_error"]) == {"code": 131026}
    assert (told["wamid"], told["wamid:1"], told["stage"]) == ("wamid.2", "wamid.1", "accepted")
    assert counted(store, "sends.doubled") == 0


def test_late_news_of_an_attempt_that_failed_does_not_stop_the_redriven_one(
    store: Store,
) -> None:
    queue(store, ONE)
    take(store)
    tell(store, "failed", ONE, attempt=1)
    assert dead_letters.redrive(store, found(store, ONE)) == "redriven"

    tell(store, "sent", ONE, attempt=1)

    assert take(store) == ["one"]


def redriving(letter: DeadSend) -> Call:
    args = [letter.id, letter.redriven, letter.fields, HOUR_MS]
    return Call("redrive", PREFIX, args)


def test_each_write_of_a_redrive_may_fail(store: Store) -> None:
    queue(store, ONE)
    die(store, ONE)
    queue(store, TWO)
    letter = found(store, ONE)
    begin = dump(store)
    assert dead_letters.redrive(store, letter) == "redriven"
    wanted = without_moments(store)
    restore(store, begin)

    for at in each_write(store, redriving(letter)):
        again = dead_letters.redrive(store, letter)
        # Only the count comes after the dead letter was taken away.
        assert again == "redriven" or (again, dead_members(store)) == ("changed", [])
        assert without_moments(store) == wanted, f"after write {at}"
    assert at > 10


def without_moments(store: Store) -> dict[bytes, object]:
    raw(store).hset(f"{PREFIX}send:{ONE.id}", "at:redriven:1", 0)
    return everything(store)


def test_a_pump_between_a_broken_redrive_and_its_repetition_does_no_harm(store: Store) -> None:
    letter = died(store, ONE)
    begun = []

    for _ in each_write(store, redriving(letter)):
        first = take(store)
        dead_letters.redrive(store, letter)
        make_ready(store) if not first else None
        begun.append(first + take(store))

    assert begun == [["one"]] * len(begun)
