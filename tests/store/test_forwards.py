"""Forwards in the store: committed with their event, taken in order, settled once, bounded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.forwards.forward import LASTS, ROW_BYTES, Forward, forward_id
from gateway.core.forwards.notice import build_notice, notice_id
from gateway.core.planning.batch import Plan
from gateway.core.sending.notifications.notification import build_notification
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.maintenance import due_items, references, retention
from gateway.store.outgoing import forwards
from gateway.store.outgoing.forwards import (
    FAILURES_IN_A_ROW,
    LEASE_MS,
    ReceiverOutcome,
    SettledForward,
    TakenForwards,
    TakeRequest,
    WaitingForward,
)
from gateway.store.planning.commit import commit, commit_call
from gateway.store.redis.client import Call, Store
from tests.support.factories import ANA, NOW, NUMBER, a_message, delivery_body, message_item
from tests.support.store.failing_scripts import dump, each_write, everything, restore
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, counted

pytestmark = pytest.mark.store
BEN = "351900000002"
CRM = f"{PREFIX}forwards:crm"
DAY = timedelta(days=1)
MOST_DEAD = 100_000  # letters of a number


def a_forward(name: str, lane: str = ANA, delivery: str = "0:1000-0", item: int = 0) -> Forward:
    id_ = forward_id(f"message|{NUMBER}|{name}", "crm")
    return Forward(id_, "crm", f"{delivery}/{item}", lane or ANA, lane)


def a_plan(*made: Forward, event: str = "wamid.1") -> Plan:
    events = (a_message(event),)
    return Plan(NUMBER, Contact(""), changed=False, events=events, forwards=made)


def queue(store: Store, *made: Forward) -> None:
    for one in made:
        assert commit(store, [a_plan(one, event=one.id)], WEEK) == [True]


def take_all(store: Store, most: int = 9, *, together: bool = False) -> TakenForwards:
    (taken,) = forwards.take_forwards(store, [TakeRequest(NUMBER, "crm", most, together)])
    assert isinstance(taken, TakenForwards)
    return taken


def take(store: Store, most: int = 9, *, together: bool = False) -> list[WaitingForward]:
    return list(take_all(store, most, together=together).forwards)


def settle(store: Store, one: WaitingForward, step: Any, **more: Any) -> None:
    health, rests_ms = more.pop("health", ""), more.pop("rests_ms", 0)
    settled = SettledForward(one.id, more.pop("attempt", one.attempt), step, "HTTP 204", **more)
    outcome = ReceiverOutcome(NUMBER, "crm", (settled,), health, rests_ms)
    assert not isinstance(forwards.settle_forwards(store, [outcome], DAY)[0], Exception)


def stage(store: Store, made: Forward) -> str | None:
    found: bytes | None = raw(store).hget(f"{PREFIX}forward:{made.id}", "stage")
    return found.decode() if found else None


def let_lease_end(store: Store, lane: str = ANA) -> None:
    raw(store).zincrby(f"{CRM}:ready", -LEASE_MS - 1_000, lane)


def waiting(store: Store) -> int:
    return int(raw(store).zcard(f"{CRM}:waiting"))


def size(store: Store) -> int:
    return int(raw(store).hget(CRM, "size") or 0)


def test_a_committed_forward_is_due_at_once(store: Store) -> None:
    made = a_forward("one")
    queue(store, made)

    (taken,) = take(store)

    assert (taken.id, taken.attempt, taken.place) == (made.id, 1, "0:1000-0/0")
    assert (counted(store, "forwards.planned"), size(store)) == (1, ROW_BYTES)


def test_a_refused_commit_forwards_nothing(store: Store) -> None:
    queue(store, a_forward("one"))
    before = everything(store)

    assert commit(store, [a_plan(a_forward("two"), event=a_forward("one").id)], WEEK) == [False]
    assert everything(store) == before


def test_each_write_of_a_commit_may_fail_and_the_forward_is_there_once(store: Store) -> None:
    made = (a_forward("one"), a_forward("two"), a_forward("alone", lane=""))
    contact = Contact(ANA, wa_id=ANA)
    events = (a_message("wamid.1"),)
    plan = Plan(NUMBER, contact, changed=True, events=events, forwards=made)
    begin = dump(store)
    writes = 0
    for writes in each_write(store, commit_call(plan, WEEK)):
        if commit(store, [plan], WEEK) == [False]:
            store.call("commit", PREFIX, contact.key, "", "", "")
        assert waiting(store) == 3, f"after write {writes}"
        assert {one.id for one in take(store)} == {made[0].id, made[2].id}
        restore(store, begin)
    assert writes > 20


def test_each_write_of_a_commit_may_fail_and_a_notice_is_there_once_with_its_copy(
    store: Store,
) -> None:
    contact = Contact(ANA, wa_id=ANA)
    notified = build_notification("n1", "it", "Hi", a_message("wamid.1"), contact, NOW, "crm")
    events = (a_message("wamid.1"),)
    plan = Plan(NUMBER, contact, changed=True, events=events, notifications=(notified,))
    bodies, begin, writes = Bodies([b"k" * 32]), dump(store), 0
    for writes in each_write(store, commit_call(plan, WEEK, bodies)):
        if commit(store, [plan], WEEK, bodies) == [False]:
            store.call("commit", PREFIX, contact.key, "", "", "")
        (taken,) = take(store)
        assert (taken.id, bodies.open(taken.copy)) == (notice_id(notified), build_notice(notified))
        assert raw(store).zcard(f"{CRM}:kept") == 0, f"after write {writes}"
        assert raw(store).keys(f"{PREFIX}notification*") == []
        restore(store, begin)
    assert writes > 10


def test_forwards_of_a_contact_go_one_after_the_other_and_others_beside_them(store: Store) -> None:
    first, second, other = a_forward("1"), a_forward("2"), a_forward("3", lane=BEN)
    queue(store, first, second, other)

    taken = take(store)
    assert {one.id for one in taken} == {first.id, other.id}
    assert take(store) == []

    settle(store, next(one for one in taken if one.id == first.id), "delivered")
    assert [one.id for one in take(store)] == [second.id]


def test_without_an_order_none_waits_for_another(store: Store) -> None:
    made = [a_forward(str(n), lane="") for n in range(3)]
    queue(store, *made)

    assert {one.id for one in take(store)} == {one.id for one in made}


def test_what_stands_together_in_a_delivery_is_taken_together(store: Store) -> None:
    made = [a_forward(str(n), item=n) for n in range(3)]
    queue(store, *made, a_forward("later", delivery="0:2000-0"))

    taken = take(store, together=True)

    assert [one.id for one in taken] == [one.id for one in made]
    for one in taken:
        settle(store, one, "delivered")
    assert [one.place for one in take(store, together=True)] == ["0:2000-0/0"]


def test_what_a_dead_worker_had_is_taken_again_under_the_same_id(store: Store) -> None:
    made = a_forward("one")
    queue(store, made, a_forward("two"))
    take(store)
    let_lease_end(store)

    (again,) = take(store)
    assert (again.id, again.attempt) == (made.id, 2)


def test_a_received_forward_is_over_and_can_be_read_for_a_day(store: Store) -> None:
    made = a_forward("one")
    queue(store, made)
    (taken,) = take(store)

    settle(store, taken, "delivered")
    settle(store, taken, "delivered")

    assert (stage(store, made), waiting(store), size(store)) == ("delivered", 0, 0)
    assert raw(store).exists(f"{CRM}:ready", f"{CRM}:kept", f"{CRM}:lane:{ANA}") == 0
    assert 0 < raw(store).pttl(f"{PREFIX}forward:{made.id}") <= keys.DAY_MS
    assert raw(store).memory_usage(f"{PREFIX}forward:{made.id}") < 300
    assert counted(store, "forwards.delivered") == 1


def test_a_forward_that_was_not_received_holds_its_lane_for_its_pause(store: Store) -> None:
    queue(store, a_forward("one"), a_forward("two"))
    (taken,) = take(store)

    settle(store, taken, "later", wait_ms=30_000)

    assert take(store) == []
    due_in_ms = raw(store).zscore(f"{CRM}:ready", ANA) - now_ms(store)
    assert 25_000 < due_in_ms <= 30_000


def test_an_answer_after_the_lease_is_a_fact_and_decides_nothing_else(store: Store) -> None:
    made = a_forward("one")
    queue(store, made)
    (late,) = take(store)
    let_lease_end(store)
    take(store)

    settle(store, late, "dead")
    assert stage(store, made) == "waiting"
    settle(store, late, "delivered")
    assert stage(store, made) == "delivered"


def test_a_receiver_that_fails_rests_and_is_then_tried_one_at_a_time(store: Store) -> None:
    made = [a_forward(str(n), lane="") for n in range(9)]
    queue(store, *made)
    for one in take(store, FAILURES_IN_A_ROW):
        settle(store, one, "later", health="down", wait_ms=600_000, rests_ms=60_000)

    assert take(store) == []
    raw(store).hset(CRM, "open_until", now_ms(store) - 1)
    (probe,) = take(store)
    assert take(store) == [], "while one tries it"
    settle(store, probe, "delivered", health="up")

    assert len(take(store)) == 9 - FAILURES_IN_A_ROW - 1


def test_a_paused_receiver_gets_nothing_until_it_is_resumed(store: Store) -> None:
    queue(store, a_forward("one"))

    assert forwards.pause_receiver(store, NUMBER, "crm")
    assert not forwards.pause_receiver(store, NUMBER, "crm")
    assert take(store) == []
    assert forwards.resume_receiver(store, NUMBER, "crm")
    assert len(take(store)) == 1


def test_after_three_days_or_beyond_its_room_the_oldest_are_given_up(store: Store) -> None:
    made = [a_forward(str(n), lane="") for n in range(4)]
    queue(store, *made)

    def oldest(most_bytes: int = 0) -> list[str]:
        found = forwards.oldest_forwards(store, NUMBER, "crm", most_bytes, 9)
        return [one.id for one in found]

    assert oldest() == []
    assert len(oldest(2 * ROW_BYTES)) == 2
    long_ago = now_ms(store) - int(LASTS / timedelta(milliseconds=1)) - 1
    raw(store).zadd(f"{CRM}:waiting", {made[0].id: long_ago})
    assert oldest() == [made[0].id]


def test_a_dead_forward_has_its_copy_and_begins_again_at_its_place(store: Store) -> None:
    first, second = a_forward("1"), a_forward("2")
    queue(store, first, second)
    (taken,) = take(store)
    settle(store, taken, "dead", copy=b"packed")
    (died,) = raw(store).zrange(f"{PREFIX}dead", 0, -1, withscores=True)
    assert (stage(store, first), died[0].decode()) == ("dead", f"forward:{first.id}")

    redrive = (store, NUMBER, "crm", first.id, int(died[1]))
    assert forwards.redrive_forward(*redrive)
    assert not forwards.redrive_forward(*redrive)

    (again,) = take(store)
    assert (again.id, again.copy, waiting(store)) == (first.id, b"packed", 2)
    assert raw(store).zcard(f"{PREFIX}dead") == 0


def test_a_dead_forward_leaves_the_list_of_its_receiver_with_that_of_its_number(
    store: Store,
) -> None:
    number_list.add_number(store, NUMBER)
    old, crowded, kept = a_forward("1"), a_forward("2"), a_forward("3")
    queue(store, old, crowded, kept)
    for made in (old, crowded):
        settle(store, WaitingForward(made.id, ""), "dead", copy=b"packed")
    raw(store).zadd(f"{CRM}:dead", {old.id: 1})
    raw(store).zadd(f"{PREFIX}dead", {f"forward:{old.id}": 1})

    assert retention.forget_dead_letters(store, datetime.fromtimestamp(9, UTC)) == 1
    assert raw(store).zrange(f"{CRM}:dead", 0, -1) == [crowded.id.encode()]

    later = now_ms(store) + keys.DAY_MS
    raw(store).zadd(f"{PREFIX}dead", {f"event:{i}": later for i in range(MOST_DEAD - 1)})
    settle(store, WaitingForward(kept.id, ""), "dead", copy=b"packed")
    assert raw(store).zrange(f"{CRM}:dead", 0, -1) == [kept.id.encode()]


@pytest.mark.parametrize("step", ["delivered", "dead"])
def test_each_write_of_a_settlement_may_fail_and_nothing_is_held_back_or_lost(
    store: Store, step: str
) -> None:
    first, second = a_forward("1"), a_forward("2")
    queue(store, first, second)
    (taken,) = take(store)
    begin = dump(store)
    args = ["crm", keys.DAY_MS, "up", 0, 5, taken.id, taken.attempt, step, 0, "why", "copy"]
    writes = 0
    for writes in each_write(store, Call("settle_forwards", PREFIX, args)):
        # Its worker died: after the lease another one takes it, unless it is over.
        let_lease_end(store)
        for again in take(store):
            settle(store, again, step, copy=b"copy")
        for left in take(store):
            settle(store, left, "delivered")
        assert waiting(store) == 0, f"after write {writes}"
        assert raw(store).exists(f"{CRM}:kept", f"{CRM}:ready", f"{CRM}:lane:{ANA}") == 0
        assert stage(store, first) in (step, "waiting"), f"after write {writes}"
        dead = raw(store).zrange(f"{PREFIX}dead", 0, -1)
        assert (f"forward:{first.id}".encode() in dead) is (step == "dead")
        assert (stage(store, first) == "dead") is (step == "dead")
        restore(store, begin)
    assert writes > 8


def test_a_forward_that_is_queued_once_more_is_posted_once_more(store: Store) -> None:
    made = a_forward("one")
    queue(store, made)
    (taken,) = take(store)
    assert forwards.queue_forwards(store, NUMBER, "crm", [made]) == 0
    settle(store, taken, "delivered")

    assert forwards.queue_forwards(store, NUMBER, "crm", [made]) == 1

    assert [one.id for one in take(store)] == [made.id]


def test_trimming_passes_a_delivery_when_nothing_refers_to_it_any_more(store: Store) -> None:
    body = delivery_body(message_item("wamid.1"))
    partition = partition_of(body)
    name = f"{keys.partition(partition)}inbox"
    store.call("keep", keys.partition(partition), "meta|0|", b"1", "meta|0|", b"2", "meta|0|", b"3")
    first, second, _ = (entry.decode() for entry, _ in raw(store).xrange(name))
    raw(store).hset(f"{keys.partition(partition)}cursor", "at", second)
    made = a_forward("one", delivery=f"{partition}:{first}")

    def look_and_trim(between: Any = None) -> int:
        bounds, oldest = references.read_bounds(store), references.OldestReferred()
        for due in due_items.tick(store, [NUMBER]):
            oldest.note(due.number, due.oldest_referred_ms)
        references.note_unreferred(store, bounds, oldest.at_ms)
        if between:
            between()
        return retention.trim(store, timedelta(0))

    queue(store, made)
    assert look_and_trim() == 0
    (taken,) = take(store)
    settle(store, taken, "delivered")
    # What is done after the look is not passed: a reference may have come with it.
    third = raw(store).xrange(name)[-1][0]
    cursor = f"{keys.partition(partition)}cursor"
    assert look_and_trim(lambda: raw(store).hset(cursor, "at", third)) == 1
    assert look_and_trim() == 1


@pytest.mark.parametrize("again", [False, True])
def test_each_write_of_queueing_a_copy_may_fail_and_it_is_there_once(
    store: Store, again: bool
) -> None:
    begin, writes = dump(store), 0
    args = ["queue_copy", "crm", "one-crm", b"copy", 904]
    for writes in each_write(store, Call("control_forwards", PREFIX, args)):
        for _ in range(1 + again):
            forwards.queue_copy(store, NUMBER, "crm", "one-crm", b"copy")
        assert [(one.id, one.copy) for one in take(store)] == [("one-crm", b"copy")], writes
        restore(store, begin)
    assert writes > 8
