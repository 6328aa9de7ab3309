"""Notifications in the store: written with their event, taken under a lease, settled once."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.notifications.notification import LASTS, Notification
from gateway.core.sending.notifications.post_outcome import PostOutcome
from gateway.store.keys import DAY_MS
from gateway.store.outgoing import notifications
from gateway.store.outgoing.notifications import LEASE_MS, NotificationAttempt
from gateway.store.planning.commit import commit, commit_call
from gateway.store.redis.client import Store
from gateway.store.tracing import records
from tests.support.factories import NUMBER, a_message
from tests.support.store.failing_scripts import dump, each_write, everything, restore
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, counted

pytestmark = pytest.mark.store
DELIVERED = PostOutcome("delivered", "HTTP 204")
LATER = PostOutcome("later", "HTTP 500", 30_000)
DEAD = PostOutcome("dead", "HTTP 410")
DUE = f"{PREFIX}notifications_due"


def a_plan(*names: str, event: str = "wamid.1") -> Plan:
    made = tuple(Notification(name, {"text": name, "event": event}) for name in names)
    events = (a_message(event),)
    return Plan(NUMBER, Contact(""), changed=False, events=events, notifications=made)


def queue(store: Store, *names: str) -> None:
    for name in names:
        assert commit(store, [a_plan(name, event=f"wamid.{name}")], WEEK) == [True]


def take(store: Store, most: int = 9) -> list[NotificationAttempt]:
    return list(notifications.take(store, NUMBER, most, WEEK).attempts)


def settle(store: Store, attempt: NotificationAttempt, outcome: PostOutcome) -> bool:
    return notifications.settle(store, NUMBER, attempt, outcome, WEEK)


def read(store: Store, name: str) -> notifications.TracedNotification:
    (found,) = notifications.read_notifications(store, NUMBER, [name])
    return found


def let_lease_end(store: Store, name: str) -> None:
    raw(store).zincrby(DUE, -LEASE_MS - 1_000, name)


def waiting(store: Store) -> list[bytes]:
    found: list[bytes] = raw(store).zrange(f"{PREFIX}notifications", 0, -1)
    return found


def test_a_committed_notification_is_due_at_once(store: Store) -> None:
    queue(store, "one")

    (attempt,) = take(store)

    assert (attempt.id, attempt.attempt) == ("one", 1)
    assert attempt.payload == b'{"text":"one","event":"wamid.one"}'
    assert counted(store, "notifications.planned") == 1


def test_a_refused_commit_notifies_nobody(store: Store) -> None:
    queue(store, "one")
    before = everything(store)

    assert commit(store, [a_plan("two", event="wamid.one")], WEEK) == [False]
    assert everything(store) == before


def test_each_write_of_a_commit_may_fail_and_the_notification_is_there_once(store: Store) -> None:
    plan = a_plan("one", "two")
    contact = Contact("351900000001", wa_id="351900000001")
    plan = Plan(NUMBER, contact, changed=True, events=plan.events, notifications=plan.notifications)
    begin = dump(store)
    writes = 0
    for writes in each_write(store, commit_call(plan, WEEK)):
        # Whoever plans the next event of the contact finishes it, or the event is planned again.
        if commit(store, [plan], WEEK) == [False]:
            store.call("commit", PREFIX, contact.key, "", "", "")
        assert waiting(store) == [b"one", b"two"], f"after write {writes}"
        assert {one.id for one in take(store)} == {"one", "two"}
        restore(store, begin)
    assert writes > 12


def test_the_same_notification_committed_again_is_not_posted_again(store: Store) -> None:
    queue(store, "one")
    settle(store, take(store)[0], DELIVERED)

    assert commit(store, [a_plan("one", event="wamid.other")], WEEK) == [True]
    assert take(store) == []


def test_what_one_worker_posts_no_other_takes(store: Store) -> None:
    queue(store, "one")
    take(store)

    assert take(store) == []


def test_what_a_dead_worker_had_is_taken_again_after_its_lease(store: Store) -> None:
    queue(store, "one")
    take(store)
    let_lease_end(store, "one")

    assert [(one.id, one.attempt) for one in take(store)] == [("one", 2)]
    assert [one.outcome for one in read(store, "one").attempts] == ["", ""]


def test_a_received_notification_is_over_and_can_be_read(store: Store) -> None:
    queue(store, "one")
    (attempt,) = take(store)

    assert settle(store, attempt, DELIVERED)
    assert not settle(store, attempt, DELIVERED)

    found = read(store, "one")
    assert (found.stage, found.next_at, found.count) == ("delivered", None, 1)
    assert [one.outcome for one in found.attempts] == ["HTTP 204"]
    assert (waiting(store), raw(store).exists(DUE)) == ([], 0)
    assert 0 < raw(store).pttl(f"{PREFIX}notification:one") <= WEEK.total_seconds() * 1000
    assert counted(store, "notifications.delivered") == 1


def test_a_notification_that_was_not_received_waits_for_its_pause(store: Store) -> None:
    queue(store, "one")
    settle(store, take(store)[0], LATER)

    due_in_ms = raw(store).zscore(DUE, "one") - now_ms(store)
    assert 25_000 < due_in_ms <= 30_000
    assert (waiting(store), take(store)) == ([b"one"], [])


def test_an_answer_that_comes_after_the_lease_is_a_fact_and_decides_nothing_else(
    store: Store,
) -> None:
    queue(store, "late", "received")
    late, received = sorted(take(store), key=lambda one: one.id)
    for name in ("late", "received"):
        let_lease_end(store, name)
    take(store)

    assert not settle(store, late, DEAD)
    assert settle(store, received, DELIVERED)

    assert (read(store, "late").stage, read(store, "received").stage) == ("waiting", "delivered")
    assert read(store, "late").attempts[0].outcome == "HTTP 410"


def test_a_notification_that_the_receiver_wants_no_more_is_given_up(store: Store) -> None:
    queue(store, "one")

    settle(store, take(store)[0], DEAD)

    assert (read(store, "one").stage, waiting(store)) == ("dead", [])
    assert counted(store, "notifications.dead") == 1


def test_after_three_days_a_notification_is_given_up(store: Store) -> None:
    queue(store, "one")
    long_ago = now_ms(store) - int(LASTS / timedelta(milliseconds=1)) - 1
    raw(store).hset(f"{PREFIX}notification:one", "planned", long_ago)

    assert take(store) == []
    assert (read(store, "one").stage, waiting(store)) == ("dead", [])


@pytest.mark.parametrize(("most", "stage"), [(9, "delivered"), (0, "dead")])
def test_what_is_left_of_a_notification_that_ended_is_small_and_is_kept_for_a_week(
    store: Store, most: int, stage: str
) -> None:
    long = Notification("one", {"text": "x" * 4_096, "event": "message|1|w", "rule": "person"})
    event = a_message("wamid.1")
    plan = Plan(NUMBER, Contact(""), changed=False, events=(event,), notifications=(long,))
    assert commit(store, [plan], WEEK) == [True]
    if not most:
        raw(store).zadd(f"{PREFIX}notifications", {"one": 1})
    for attempt in take(store, most):
        settle(store, attempt, DELIVERED)

    found = read(store, "one")
    assert (found.stage, found.payload) == (stage, {"event": "message|1|w", "rule": "person"})
    assert raw(store).memory_usage(f"{PREFIX}notification:one") < 500
    assert 0 < raw(store).pttl(f"{PREFIX}notification:one") <= WEEK.total_seconds() * 1000


def test_where_none_is_taken_the_three_days_end_all_the_same(store: Store) -> None:
    queue(store, "old", "new")
    long_ago = now_ms(store) - int(LASTS / timedelta(milliseconds=1)) - 1
    raw(store).zadd(f"{PREFIX}notifications", {"old": long_ago})

    assert take(store, 0) == []

    assert (read(store, "old").stage, waiting(store)) == ("dead", [b"new"])
    assert raw(store).zrange(DUE, 0, -1) == [b"new"]
    assert counted(store, "notifications.dead") == 1


def test_its_last_pause_ends_with_the_three_days(store: Store) -> None:
    queue(store, "one")
    (attempt,) = take(store)
    planned = now_ms(store) - int(LASTS / timedelta(milliseconds=1)) + 10_000
    raw(store).hset(f"{PREFIX}notification:one", "planned", planned)

    settle(store, attempt, LATER)

    assert raw(store).zscore(DUE, "one") - now_ms(store) <= 10_000


def fill(store: Store, count: int) -> None:
    """Let so many notifications wait, all of them older."""
    members: Any = {f"old{n:05}": n for n in range(count)}
    raw(store).zadd(f"{PREFIX}notifications", members)
    raw(store).zadd(DUE, {name: now_ms(store) + 99_000 for name in members})


def test_beyond_ten_thousand_the_oldest_makes_room(store: Store) -> None:
    fill(store, 10_000)

    queue(store, "new")

    assert raw(store).zcard(f"{PREFIX}notifications") == 10_000
    assert raw(store).zscore(DUE, "old00000") is None
    assert waiting(store)[-1] == b"new"
    assert counted(store, "notifications.crowded_out") == 1


def test_a_notification_that_made_room_leaves_no_text_and_is_gone_after_a_day(store: Store) -> None:
    queue(store, "one")
    raw(store).zadd(f"{PREFIX}notifications", {"one": -1})
    fill(store, 10_000)

    queue(store, "new")

    found = read(store, "one")
    assert (found.stage, "text" in found.payload) == ("crowded_out", False)
    assert 0 < raw(store).pttl(f"{PREFIX}notification:one") <= DAY_MS


def test_a_damaged_notification_stops_no_commit_and_no_other(store: Store) -> None:
    fill(store, 10_000)
    raw(store).set(f"{PREFIX}notification:old00000", "of another type")
    raw(store).zadd(DUE, {"old00000": 1})

    queue(store, "new")
    taken = notifications.take(store, NUMBER, 9, WEEK)

    assert [one.id for one in taken.attempts] == ["new"]
    assert [(one.kind, one.item) for one in taken.damaged] == [("notification", "old00000")]
    assert take(store) == []


def test_more_than_twenty_attempts_show_the_latest(store: Store) -> None:
    queue(store, "one")
    for _ in range(25):
        settle(store, take(store)[0], LATER)
        raw(store).zadd(DUE, {"one": 0})

    found = read(store, "one")
    assert (found.count, [one.ordinal for one in found.attempts]) == (25, list(range(6, 26)))


def test_a_notification_that_is_not_known_has_no_stage(store: Store) -> None:
    assert read(store, "none").stage == ""


def test_a_record_of_a_release_before_has_no_notifications(store: Store) -> None:
    row = {"key": "k", "rulebook": "v1", "first_contact": True, "fired": [], "sends": []}
    raw(store).set(f"{PREFIX}record:r", orjson.dumps(row))

    record = records.load(store, NUMBER, "r")

    assert record
    assert record.notifications == ()
