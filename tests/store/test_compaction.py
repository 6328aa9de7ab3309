"""Sends that are over: when each is compacted, what is left of it, and that both are read alike."""

import base64
import json
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.dead_letters.dead_letter import DeadSend
from gateway.core.planning.batch import Plan
from gateway.core.sending.send import BULK, NOTICE, PRIORITIES, Send, answering_id
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Call, Store
from gateway.store.sending import late_failures, send_rows
from gateway.store.sending.compaction import Compaction
from gateway.store.tracing import records
from gateway.store.tracing.traces import Traces
from tests.support.factories import ANA, NUMBER, a_status
from tests.support.servers import wait_until
from tests.support.store.compacted_sends import compact, due_in_ms
from tests.support.store.dead_sends import died
from tests.support.store.failing_scripts import each_write
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, counted, queue, row, settle, take, tell

pytestmark = pytest.mark.store
DAY = keys.DAY_MS
ONE = a_send("one")
# As long as Meta's.
WAMID = "wamid." + base64.b64encode(bytes(range(42))).decode()
ON_THEIR_WAY = {"call", "attempting_at"}  # what says nothing of a send that is over


def accepted(store: Store, send: Send = ONE, wamid: str = WAMID) -> None:
    queue(store, send)
    take(store)
    settle(store, send, "accepted", wamid=wamid, history_json='{"outcome":"accepted","ms":231}')


def left(store: Store, send: Send = ONE, bodies: Bodies | None = None) -> send_rows.SendRow:
    (found,) = send_rows.read_rows(store, bodies or Bodies(), NUMBER, [send.id])
    return found


def forget_texts(store: Store) -> None:
    # Below 0, for what was written within this millisecond goes as well.
    while store.call("prune", PREFIX, -1, 30 * DAY, 30 * DAY, 1):
        pass


def test_a_send_is_compacted_a_day_after_it_was_accepted_whatever_came_since(store: Store) -> None:
    accepted(store)
    raw(store).zadd(f"{PREFIX}finished", {ONE.id: now_ms(store) + 5_000})

    tell(store, "delivered", ONE, WAMID)
    settle(store, ONE, "accepted", wamid=WAMID)

    assert 0 < due_in_ms(store, ONE) <= 5_000
    accepted(store, a_send("two"), "wamid.two")
    assert DAY - 5_000 < due_in_ms(store, a_send("two")) <= DAY


@pytest.mark.parametrize("status", ["read", "played"])
def test_what_was_read_is_compacted_at_once(store: Store, status: str) -> None:
    accepted(store)

    tell(store, status, ONE, WAMID)

    assert due_in_ms(store, ONE) <= 0
    assert compact(store, early_ms=0) == 1


def test_what_is_a_dead_letter_keeps_its_row_as_long_as_that(store: Store) -> None:
    letter = died(store, ONE)
    accepted(store, a_send("two"), "wamid.two")
    tell(store, "failed", a_send("two"), "wamid.two")

    for send in (ONE, a_send("two")):
        assert 30 * DAY - 5_000 < due_in_ms(store, send) <= 30 * DAY
    assert dead_letters.drop(store, letter)
    assert due_in_ms(store, ONE) <= 0


def test_what_may_be_repeated_goes_by_itself(store: Store) -> None:
    typing = a_send("typing", repeatable=True)
    queue(store, typing)
    take(store)
    settle(store, typing, "accepted")

    assert raw(store).zcard(f"{PREFIX}finished") == 0
    assert raw(store).pttl(f"{PREFIX}send:{typing.id}") > 0


def test_an_unconfirmed_send_is_never_compacted(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "unconfirmed", wait_ms=now_ms(store) + 99_000)
    raw(store).zadd(f"{PREFIX}finished", {ONE.id: 1})

    compact(store)

    assert row(store, ONE)["stage"] == "unconfirmed"


def test_the_row_of_a_compacted_send_reads_as_before(store: Store) -> None:
    accepted(store)
    tell(store, "sent", ONE, WAMID, pricing={"category": "service"})
    tell(store, "delivered", ONE, WAMID)
    before = {name: value for name, value in row(store, ONE).items() if name not in ON_THEIR_WAY}
    planned = json.loads(before.pop("row"))

    compact(store)

    found = dict(left(store).fields)
    assert (json.loads(found.pop("row")), found) == (planned, before)
    assert not raw(store).exists(f"{PREFIX}send:{ONE.id}", f"{PREFIX}wamid:{WAMID}")


def test_without_its_text_ids_stages_and_moments_are_left(store: Store) -> None:
    accepted(store)
    tell(store, "delivered", ONE, WAMID)
    before = row(store, ONE)

    compact(store)
    forget_texts(store)

    found = left(store)
    assert not found.has_text
    kept = ("stage", "lane", "rank", "planned", "attempts", "wamid", "began:1", "at:delivered:1")
    assert {name: found.fields[name] for name in kept} == {name: before[name] for name in kept}
    assert "body" not in found.fields["row"]


def test_the_code_of_what_ended_is_left(store: Store) -> None:
    died(store, ONE)

    compact(store, early_ms=float("inf"))
    forget_texts(store)

    letter = dead_letters.find(store, ONE.id, [NUMBER])
    assert isinstance(letter, DeadSend)
    assert (letter.cause, letter.code, letter.body) == ("refused", 131047, {})
    assert dead_letters.redrive(store, letter) == "textless"


def test_it_takes_no_more_than_250_bytes_with_the_way_to_it(store: Store) -> None:
    sends = [a_send(f"{i:024x}", f"3519{i:08d}", rule="order-received") for i in range(1_000)]
    for start in range(0, len(sends), 200):
        some = sends[start : start + 200]
        queue(store, *some)
        take(store, 200)
        for send in some:
            number = int(send.id, 16).to_bytes(42)
            settle(store, send, "accepted", wamid="wamid." + base64.b64encode(number).decode())
    compact(store)
    # What sends said, and what belongs to the number whatever it sent, is counted apart.
    there = raw(store).keys(f"{PREFIX}done:*") + raw(store).keys(f"{PREFIX}index*")

    before = raw(store).info("memory")["used_memory"]
    raw(store).delete(*there)
    wait_until(lambda: not raw(store).info("memory")["lazyfree_pending_objects"], "it is freed")
    freed = before - raw(store).info("memory")["used_memory"]

    assert freed / len(sends) <= 250


@pytest.mark.parametrize("key", [b"", b"k" * 32])
def test_texts_are_compressed_and_encrypted_where_keys_are_set(store: Store, key: bytes) -> None:
    bodies = Bodies([key] if key else [])
    accepted(store, a_send("one", body={"type": "text", "text": {"body": "Olá " * 30}}))

    Compaction(store, bodies, WEEK).run([NUMBER], DAY)

    ((_, kept),) = raw(store).xrange(f"{PREFIX}texts")
    assert len(kept[b"t"]) < 230
    assert left(store, bodies=bodies).has_text
    assert left(store, bodies=Bodies()).has_text is not bool(key)


@pytest.mark.parametrize("status", ["read", "sent"])
def test_a_row_that_changed_since_it_was_read_stays(store: Store, status: str) -> None:
    accepted(store)
    tell(store, "delivered", ONE, WAMID)
    compaction = Compaction(store, Bodies(), WEEK)
    (finished,) = compaction._read(NUMBER, [ONE.id])
    tell(store, status, ONE, WAMID)

    assert finished
    assert compaction._write(NUMBER, [finished]) == 0
    assert f"at:{status}:1" in row(store, ONE)
    assert compaction.run([NUMBER], DAY) == 1


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_what_a_participant_did_since_it_was_read_is_kept(store: Store, status: str) -> None:
    accepted(store)
    tell(store, "read", ONE, WAMID, participant="351900000002")
    tell(store, "delivered", ONE, WAMID, participant="351900000002")
    if status == "read":
        tell(store, "delivered", ONE, WAMID, participant="351900000003")
    compaction = Compaction(store, Bodies(), WEEK)
    (finished,) = compaction._read(NUMBER, [ONE.id])
    tell(store, status, ONE, WAMID, participant="351900000003")

    assert finished
    assert compaction._write(NUMBER, [finished]) == 0
    assert compaction.run([NUMBER], DAY) == 1
    assert left(store).members["351900000003"].split()[1] == status


@pytest.mark.parametrize("priority", PRIORITIES)
def test_each_write_of_a_compaction_may_fail(store: Store, priority: str) -> None:
    send = a_send("one", priority=priority)
    accepted(store, send)
    before = left(store, send).fields
    compaction = Compaction(store, Bodies(), WEEK)
    (finished,) = compaction._read(NUMBER, [send.id])
    assert finished
    broken = Call("compact", PREFIX, [*compaction._lives, *compaction._args(finished)])

    for at in each_write(store, broken):
        assert left(store, send).fields["stage"] == before["stage"], at
        compact(store)
        told = left(store, send)
        assert told.is_compacted, at
        assert {n: told.fields.get(n) for n in ON_THEIR_WAY ^ before.keys() if n != "row"} == {
            name: before[name] for name in before if name not in ON_THEIR_WAY and name != "row"
        }, at
        assert send_rows.find_by_wamid(store, NUMBER, WAMID) == send.id
        assert raw(store).zcard(f"{PREFIX}finished") == 0
    assert at > 8


@pytest.mark.parametrize("priority", PRIORITIES)
def test_what_is_left_of_a_send_knows_its_priority(store: Store, priority: str) -> None:
    accepted(store, send := a_send("one", priority=priority))
    compact(store)

    assert left(store, send).fields["rank"] == priority
    assert raw(store).xlen(f"{PREFIX}done:{'bulk' if priority == BULK else 'reply'}") == 1


def test_a_notice_that_an_older_release_compacted_is_found_and_pruned(store: Store) -> None:
    accepted(store, send := a_send("one", priority=NOTICE))
    compact(store)
    (entry,) = raw(store).xrange(f"{PREFIX}done:reply")
    raw(store).delete(f"{PREFIX}done:reply")
    raw(store).xadd(f"{PREFIX}done:notice", entry[1], id=entry[0])

    assert left(store, send).fields["stage"] == "accepted"
    store.call("prune", PREFIX, -1, -1, -1, 1)
    assert raw(store).xlen(f"{PREFIX}done:notice") == 0


def test_a_row_that_nobody_can_read_holds_no_other_up(store: Store) -> None:
    accepted(store)
    raw(store).set(f"{PREFIX}send:odd", "a string")
    raw(store).hset(f"{PREFIX}send:torn", mapping={"stage": "accepted", "rung": 3, "row": "{"})
    raw(store).zadd(f"{PREFIX}finished", {"odd": 1, "torn": 1, "gone": 1})

    assert compact(store) == 1

    left_over = raw(store).zrange(f"{PREFIX}finished", 0, -1)
    assert sorted(left_over) == [b"odd", b"torn"]


def test_a_number_whose_keys_are_damaged_holds_up_no_other(store: Store) -> None:
    accepted(store)
    raw(store).set(f"{keys.number('999')}finished", "a string")

    assert Compaction(store, Bodies(), WEEK).run(["999", NUMBER], DAY, budget_s=60) == 1


def test_a_record_of_another_release_is_passed_over(store: Store) -> None:
    accepted(store)
    compact(store)
    (entry,) = raw(store).xrange(f"{PREFIX}done:reply")
    raw(store).delete(f"{PREFIX}done:reply")
    raw(store).xadd(f"{PREFIX}done:reply", {"r": b"\x7fnewer"}, id=entry[0])

    assert (left(store).fields, left(store).is_compacted) == ({}, True)
    assert records.stages(store, NUMBER, [ONE.id]) == [""]
    tell(store, "failed", ONE, WAMID)
    assert late_failures.apply_late_failures(store, Bodies(), [NUMBER]) == []
    assert raw(store).hlen(f"{PREFIX}late_failures") == 1


def test_numbers_take_turns_and_time_is_bounded(store: Store) -> None:
    accepted(store)

    assert Compaction(store, Bodies(), WEEK).run([NUMBER], DAY, budget_s=0) == 0
    assert Compaction(store, Bodies(), WEEK).run(["999", NUMBER], DAY) == 1


def test_a_send_that_fails_again_is_answered_once_though_its_answer_was_compacted(
    store: Store,
) -> None:
    answer = a_send(answering_id(f"failed of {ONE.id}", "sorry", 0))
    failures = [a_status(f"wamid.{attempt}", "failed") for attempt in (1, 2)]
    first, second = (
        Plan(NUMBER, Contact(ANA), changed=False, events=(event,), sends=(answer,))
        for event in failures
    )
    assert commit(store, [first], WEEK) == [True]
    take(store)
    settle(store, answer, "accepted", wamid=WAMID)
    tell(store, "read", answer, WAMID)
    assert compact(store, early_ms=0) == 1

    assert commit(store, [second], WEEK) == [True]

    assert take(store) == []
    assert left(store, answer).fields["stage"] == "read"


def test_more_than_one_batch_is_compacted_at_a_time(store: Store) -> None:
    sends = [a_send(f"send{i}", f"lane{i}") for i in range(600)]
    queue(store, *sends)
    take(store, 600)
    for send in sends:
        settle(store, send, "accepted", wamid=f"wamid.{send.id}")

    assert compact(store) == 600
    assert records.stages(store, NUMBER, [one.id for one in sends]) == ["accepted"] * 600
    assert all(
        send_rows.find_by_wamid(store, NUMBER, f"wamid.{one.id}") == one.id for one in sends[::50]
    )
    assert raw(store).llen(f"{PREFIX}index") > 1  # which filled up and grew


def test_a_group_keeps_its_participants_with_the_text(store: Store) -> None:
    accepted(store)
    tell(store, "delivered", ONE, WAMID, participant="351900000002")

    compact(store)
    tell(store, "read", ONE, WAMID, participant="351900000003")

    (trace,) = Traces(store, Bodies()).find_by_send(ONE.id).traces or (None,)
    assert trace
    (sent,) = trace.sends
    assert {one.name: one.stage for one in sent.state.members} == {
        "351900000002": "delivered",
        "351900000003": "read",
    }


@pytest.fixture(autouse=True)
def listed(store: Store) -> None:
    number_list.add_number(store, NUMBER)


@pytest.mark.parametrize("asked", ["send", "wamid"])
def test_a_trace_finds_a_compacted_send_from_each_end(store: Store, asked: str) -> None:
    accepted(store)
    compact(store)
    traces = Traces(store, Bodies())

    found = traces.find_by_send(ONE.id) if asked == "send" else traces.find_by_wamid(WAMID)

    ((sent,),) = [one.sends for one in found.traces]
    assert (sent.stage, sent.wamid, sent.body) == ("accepted", WAMID, ONE.body)
    forget_texts(store)
    ((sent,),) = [one.sends for one in traces.find_by_send(ONE.id).traces]
    assert (sent.stage, sent.has_text, sent.body) == ("accepted", False, {})


def test_what_ends_again_is_compacted_again(store: Store) -> None:
    letter = died(store, ONE)
    compact(store, early_ms=float("inf"))
    assert dead_letters.redrive(store, letter) == "redriven"

    take(store)
    settle(store, ONE, "accepted", 2, wamid=WAMID, history_json='{"outcome":"accepted"}')
    told: dict[str, Any] = dict(row(store, ONE))
    assert (told["attempts"], told["redriven"], told["stage"]) == ("2", "1", "accepted")
    assert compact(store) == 1

    found = left(store)
    assert (found.fields["stage"], found.fields["wamid"]) == ("accepted", WAMID)
    assert found.fields["ended:1"] == told["ended:1"]
    assert counted(store, "sends.redriven") == 1
