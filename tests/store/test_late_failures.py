"""Statuses of sends that were compacted: they climb, prove, and begin again what may pass later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.dead_letters.dead_letter import DeadSend
from gateway.core.planning.batch import Plan
from gateway.core.sending.error_codes import error_policy
from gateway.core.sending.response import refusal_by_policy
from gateway.core.sending.send import Send, StatusUpdate
from gateway.core.sending.status_update import decide_follow_up
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.planning.commit import commit, commit_call
from gateway.store.redis.client import Call, Store
from gateway.store.sending import late_failures, send_rows
from gateway.store.sending.send_rows import SendRow
from gateway.store.sending.unconfirmed import last_proved_at
from tests.support.factories import ANA, NUMBER, a_status
from tests.support.store.compacted_sends import compact, due_in_ms
from tests.support.store.failing_scripts import each_write
from tests.support.store.raw import raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    counted,
    dead_members,
    lanes,
    queue,
    row,
    settle,
    stage,
    take,
    tell,
)

pytestmark = pytest.mark.store
# It may wait for its customer for a week, so it has time left after a day.
ONE = a_send("one", expires_at=datetime.now(UTC) + timedelta(days=7))
WAMID = "wamid.out"


@pytest.fixture(autouse=True)
def compacted(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid=WAMID, history_json='{"outcome":"accepted"}')
    assert compact(store) == 1


def left(store: Store, send: Send = ONE) -> SendRow:
    (found,) = send_rows.read_rows(store, Bodies(), NUMBER, [send.id])
    return found


def failed(code: int, attempt: int = 1) -> Plan:
    event = a_status(f"{WAMID}.{code}.{attempt}", "failed")
    refusal = refusal_by_policy(error_policy(code, 400), code, "")
    ours = (ONE.id, str(attempt), WAMID)
    judged = (refusal, decide_follow_up(refusal))
    news = StatusUpdate(*ours, "failed", event.at, {"code": code}, *judged)
    return Plan(NUMBER, Contact(ANA), changed=False, events=(event,), status_updates=(news,))


def fails(store: Store, code: int, attempt: int = 1) -> None:
    assert commit(store, [failed(code, attempt)], WEEK) == [True]


def hear(store: Store, bodies: Bodies | None = None) -> list[str]:
    return late_failures.apply_late_failures(store, bodies or Bodies(), [NUMBER])


def seal(store: Store) -> Bodies:
    """Encrypt the text that is kept, and return what opens it."""
    sealed = Bodies([b"k" * 32])
    ((entry, kept),) = raw(store).xrange(f"{PREFIX}texts")
    raw(store).delete(f"{PREFIX}texts")
    text = sealed.pack(Bodies().open(kept[b"t"]))
    raw(store).xadd(f"{PREFIX}texts", {"t": text}, id=entry)
    return sealed


def forget_texts(store: Store) -> None:
    # Below 0, for what was written within this millisecond goes as well.
    while store.call("prune", PREFIX, -1, 30 * keys.DAY_MS, 30 * keys.DAY_MS, 1):
        pass


@pytest.mark.parametrize("by", ["callback", "wamid"])
def test_statuses_climb_by_callback_and_by_wamid(store: Store, by: str) -> None:
    for status in ("sent", "delivered", "read", "played"):
        tell(store, status, ONE if by == "callback" else None, WAMID)

    found = left(store)
    assert (found.fields["stage"], counted(store, "sends.played")) == ("played", 1)
    names = {name.split(":")[1] for name in found.fields if name.startswith("at:")}
    assert names == {"sent", "delivered", "read", "played"}
    assert counted(store, "statuses.unmatched") == 0


def test_no_status_goes_down_the_ladder(store: Store) -> None:
    tell(store, "read", ONE, WAMID)
    tell(store, "delivered", ONE, WAMID)
    tell(store, "failed", ONE, WAMID)

    assert (left(store).fields["stage"], counted(store, "statuses.backwards")) == ("read", 2)
    assert hear(store) == []
    assert dead_members(store) == []


def test_news_of_a_send_that_ended_is_noted_and_not_obeyed(store: Store) -> None:
    queue(store, a_send("two"))
    take(store)
    settle(store, a_send("two"), "dead", error_json='{"code":131026}')
    compact(store, early_ms=float("inf"))

    tell(store, "delivered", a_send("two"), "wamid.two")

    told = left(store, a_send("two")).fields
    assert (told["stage"], "at:delivered:1" in told) == ("dead", True)


def test_no_more_is_noted_than_has_room(store: Store) -> None:
    for status in ("sent", "delivered", "read", "played"):
        for attempt in (1, 2, 3):
            tell(store, status, ONE, WAMID, attempt)

    assert len(left(store).value) <= 64
    assert left(store).fields["stage"] == "played"


def test_a_status_of_a_compacted_send_still_proves(store: Store) -> None:
    assert last_proved_at(store, NUMBER) is None

    tell(store, "delivered", ONE, WAMID)

    began = int(left(store).fields["began:1"])
    proved = last_proved_at(store, NUMBER)
    assert proved
    assert int(proved.timestamp() * 1000) == began


def test_one_that_a_person_replays_proves_nothing(store: Store) -> None:
    tell(store, "delivered", ONE, WAMID, replayed=True)

    assert last_proved_at(store, NUMBER) is None


def test_a_second_wamid_is_told_of_after_the_row_has_gone(store: Store) -> None:
    tell(store, "delivered", ONE, "wamid.second")
    tell(store, "read", ONE, "wamid.second")

    assert counted(store, "sends.doubled") == 1
    assert send_rows.find_by_wamid(store, NUMBER, "wamid.second") == ONE.id


def test_a_wamid_that_was_never_read_is_learned_later(store: Store) -> None:
    queue(store, a_send("two"))
    take(store)
    settle(store, a_send("two"), "accepted")
    compact(store)

    tell(store, "delivered", a_send("two"), "wamid.two")

    assert send_rows.find_by_wamid(store, NUMBER, "wamid.two") == a_send("two").id
    assert counted(store, "sends.doubled") == 0


@pytest.mark.parametrize("code", [131000, 130429, 131056, 131042])
def test_what_may_pass_later_begins_again_with_its_history(store: Store, code: int) -> None:
    fails(store, code)
    assert left(store).fields["stage"] == "failed"

    assert hear(store) == [NUMBER]

    told = row(store, ONE)
    assert (told["stage"], told["wamid:1"], told["reopens"]) == ("queued", WAMID, "1")
    assert "at:failed:1" in told
    assert told["attempt:1"] == '{"outcome":"accepted"}'
    assert (dead_members(store), raw(store).zscore(f"{PREFIX}finished", ONE.id)) == ([], None)
    assert hear(store) == []


def test_it_is_posted_again_with_the_same_text(store: Store) -> None:
    fails(store, 131057)
    hear(store)
    raw(store).delete(f"{PREFIX}tokens")

    (attempt,) = lanes(store).pump([], 9).attempts

    assert (attempt.send, attempt.ordinal, attempt.body) == (ONE.id, 2, ONE.body)


@pytest.mark.parametrize("code", [131026, 132001])
def test_what_will_not_pass_is_a_dead_letter_that_can_be_redriven(store: Store, code: int) -> None:
    fails(store, code)

    assert hear(store) == []

    assert (stage(store, ONE), dead_members(store)) == ("failed", [f"send:{ONE.id}"])
    assert due_in_ms(store, ONE) > 29 * keys.DAY_MS
    letter = dead_letters.find(store, ONE.id, [NUMBER])
    assert isinstance(letter, DeadSend)
    assert (letter.cause, letter.code, letter.body) == ("failed_status", code, ONE.body)
    assert dead_letters.redrive(store, letter) == "redriven"


@pytest.mark.parametrize("code", [131000, 131026])
def test_without_its_text_it_ends_as_failed_and_says_so(store: Store, code: int) -> None:
    forget_texts(store)
    fails(store, code)

    assert hear(store) == []

    assert (stage(store, ONE), dead_members(store)) == ("failed", [f"send:{ONE.id}"])
    letter = dead_letters.find(store, ONE.id, [NUMBER])
    assert isinstance(letter, DeadSend)
    assert (letter.code, letter.body, dead_letters.redrive(store, letter)) == (code, {}, "textless")


@pytest.mark.parametrize(("code", "ends"), [(131000, "queued"), (131026, "failed")])
def test_who_cannot_open_the_text_leaves_the_failure_to_who_can(
    store: Store, code: int, ends: str
) -> None:
    sealed = seal(store)
    fails(store, code)

    assert hear(store) == []
    assert not raw(store).exists(f"{PREFIX}send:{ONE.id}")

    assert hear(store, sealed) == ([NUMBER] if ends == "queued" else [])
    assert (stage(store, ONE), "body" in row(store, ONE)["row"]) == (ends, True)
    assert raw(store).hlen(f"{PREFIX}late_failures") == 0


def test_a_text_that_nobody_opened_in_time_is_gone_like_any_other(store: Store) -> None:
    seal(store)
    fails(store, 131000)
    hear(store)

    forget_texts(store)
    hear(store)

    assert (stage(store, ONE), dead_members(store)) == ("failed", [f"send:{ONE.id}"])


def test_a_redrive_without_the_key_takes_no_text_for_gone(store: Store) -> None:
    fails(store, 131026)
    hear(store)
    letter = dead_letters.find(store, ONE.id, [NUMBER])
    assert isinstance(letter, DeadSend)
    raw(store).delete(f"{PREFIX}texts")
    assert compact(store, early_ms=float("inf")) == 1
    sealed = seal(store)

    assert dead_letters.redrive(store, letter) == "unopened"
    assert dead_letters.redrive(store, letter, bodies=sealed) == "redriven"


def test_who_got_it_after_all_hears_nothing_twice(store: Store) -> None:
    fails(store, 131000)
    tell(store, "delivered", ONE, WAMID)

    assert hear(store) == []

    assert left(store).fields["stage"] == "delivered"
    assert raw(store).hlen(f"{PREFIX}late_failures") == 0


def test_a_failure_of_an_attempt_before_is_only_noted(store: Store) -> None:
    fails(store, 131000, attempt=3)

    assert hear(store) == []
    assert left(store).fields["stage"] == "accepted"


def test_a_failure_of_what_is_forgotten_changes_nothing(store: Store) -> None:
    fails(store, 131000)
    while store.call("prune", PREFIX, -1, -1, -1, 1):
        pass

    assert hear(store) == []

    assert raw(store).keys(f"{PREFIX}late_failures") == []
    assert raw(store).keys(f"{PREFIX}send:*") == []


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_each_write_about_a_compacted_send_may_fail(store: Store, status: str) -> None:
    event = a_status("wamid.news", status)
    error: dict[str, Any] = {"code": 131026}
    news = StatusUpdate(ONE.id, "1", "wamid.second", status, event.at, error)
    plan = Plan(NUMBER, Contact(ANA), changed=False, events=(event,), status_updates=(news,))

    for at in each_write(store, commit_call(plan, WEEK)):
        commit(store, [plan], WEEK)
        assert left(store).fields["stage"] == status, at
        assert raw(store).hlen(f"{PREFIX}late_failures") == (status == "failed"), at
        assert send_rows.find_by_wamid(store, NUMBER, "wamid.second") == ONE.id, at
    assert at > 4


def test_each_write_of_a_revival_may_fail(store: Store) -> None:
    tell(store, "delivered", ONE, WAMID, participant="351900000002")
    found = left(store)
    wanted = found.fields
    args: list[Any] = [ONE.id, found.value, 1, WAMID]
    args += [part for field in wanted.items() for part in field]
    broken = Call("revive", PREFIX, args)

    for at in each_write(store, broken):
        assert left(store).fields["stage"] == wanted["stage"], at
        assert send_rows.revive(store, NUMBER, found), at
        assert row(store, ONE) == wanted, at
        assert raw(store).get(f"{PREFIX}wamid:{WAMID}") == ONE.id.encode()
    assert at == 3


def test_news_since_it_was_read_is_not_overwritten_by_a_revival(store: Store) -> None:
    found = left(store)
    tell(store, "read", ONE, WAMID)

    assert not send_rows.revive(store, NUMBER, found)
    assert raw(store).keys(f"{PREFIX}send:*") == []


def test_a_process_that_dies_over_a_late_failure_is_followed_by_another(store: Store) -> None:
    fails(store, 131026)
    (spot,) = raw(store).hkeys(f"{PREFIX}late_failures")
    (send,) = send_rows.read_by_spots(store, Bodies(), NUMBER, [spot], without="failed")
    assert send
    assert send_rows.revive(store, NUMBER, send)

    hear(store)

    assert (stage(store, ONE), dead_members(store)) == ("failed", [f"send:{ONE.id}"])
