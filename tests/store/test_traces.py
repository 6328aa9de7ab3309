"""Whatever is asked, the whole of what the store knows is found, and nothing is made up."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.events import Message
from gateway.core.planning.batch import Failure, Plan
from gateway.core.sending.send import BULK, NOTICE
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import review_list
from gateway.store.inbox import lookup
from gateway.store.inbox.lease import Batch
from gateway.store.inbox.lookup import GONE
from gateway.store.planning.commit import commit, store_dead_letters
from gateway.store.redis.client import Store
from gateway.store.tracing.trace import Search, Trace
from gateway.store.tracing.traces import Traces
from tests.support.factories import ANA, NUMBER, a_message, a_status, delivery_body, message_item
from tests.support.store.inbox_state import inbox, keep, late
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, a_send, queue, settle, take, tell

pytestmark = pytest.mark.store
ONE = a_send("one")


@pytest.fixture(autouse=True)
def _listed(store: Store) -> None:
    for name in ("another", NUMBER):
        number_list.add_number(store, name)


def traces(store: Store, bodies: Bodies | None = None) -> Traces:
    return Traces(store, bodies or Bodies())


def keep_message(store: Store, wamid: str = "wamid.1", bodies: Bodies | None = None) -> Message:
    """Keep a delivery whose second item is a message, and return its event."""
    body = delivery_body(message_item("wamid.0"), message_item(wamid)).decode()
    (place,) = keep(store, 3, body, bodies=bodies)
    return a_message(wamid, delivery=place, item=1)


def plan_one(store: Store, event: Message) -> Plan:
    (plan,) = planned(store, event)
    assert commit(store, [plan], WEEK) == [True]
    return plan


def only(found: Search) -> Trace:
    (trace,) = found.traces
    return trace


def test_a_message_is_found_with_its_delivery_its_record_and_its_sends(store: Store) -> None:
    event = keep_message(store)
    plan = plan_one(store, event)

    trace = only(traces(store).find_by_wamid("wamid.1"))

    assert (trace.number, trace.key, trace.is_known) == (NUMBER, event.key, True)
    assert trace.kept_event
    assert (trace.kept_event.delivery, trace.kept_event.item, trace.kept_event.secret) == (
        event.delivery,
        1,
        "0",
    )
    assert trace.kept_event.event
    assert trace.kept_event.event.key == event.key
    assert abs(trace.kept_event.at - datetime.now(UTC)) < timedelta(seconds=60)
    assert trace.record
    assert trace.record.fired == (("welcome", "always"),)
    assert [sent.id for sent in trace.sends] == [plan.sends[0].id]


def test_every_end_of_the_string_leads_to_the_same_story(store: Store) -> None:
    (send,) = plan_one(store, keep_message(store)).sends
    take(store)
    settle(store, send, "accepted", wamid="wamid.out", history_json='{"outcome":"accepted"}')

    by_message = traces(store).find_by_wamid("wamid.1")

    assert by_message.has_results
    assert traces(store).find_by_wamid("wamid.out") == by_message
    assert traces(store).find_by_send(send.id) == by_message
    (conversation,) = traces(store).find_by_contact(ANA, 10).conversations
    assert conversation.traces == by_message.traces


def test_a_message_that_no_rule_answered_is_known_and_has_no_record(store: Store) -> None:
    event = keep_message(store)
    queued = Plan(NUMBER, planned(store, event)[0].contact, changed=False, events=(event,))
    commit(store, [queued], WEEK)

    trace = only(traces(store).find_by_wamid("wamid.1"))

    assert (trace.is_known, trace.record, trace.sends, trace.waiting_state) == (
        True,
        None,
        (),
        None,
    )


def test_what_was_never_seen_is_not_found(store: Store) -> None:
    keep_message(store)

    assert traces(store).find_by_wamid("wamid.2") == Search()
    assert traces(store).find_by_send("a" * 24) == Search()
    assert traces(store).find_by_contact("351900000009", 10) == Search()


@pytest.mark.parametrize("name", [ANA, "PT.1", "PT.2"])
def test_a_customer_is_found_under_every_name_with_what_was_planned_under_each(
    store: Store, name: str
) -> None:
    plan_one(store, a_message("wamid.1", "PT.1"))
    plan_one(store, a_message("wamid.2"))
    plan_one(store, a_message("wamid.3", also=("PT.1", "PT.2")))
    plan_one(store, a_message("wamid.4", "PT.2"))

    (found,) = traces(store).find_by_contact(name, 3).conversations

    assert [one.key[-1] for one in found.traces] == ["2", "3", "4"]
    assert (found.contact.key, found.lanes["reply"]) == (ANA, 4)


def test_what_waits_of_a_customer_is_found_under_another_name(store: Store) -> None:
    keep_message(store)
    plan_one(store, a_message("wamid.9", also=("PT.1",)))

    waiting = traces(store).find_by_contact("PT.1", 10).traces

    assert [one.waiting_state for one in waiting] == ["waiting", "waiting"]


def pass_all(store: Store, *aside: str) -> None:
    with inbox(store).lease() as held:
        batch: Batch = held.next_batch()
        while not batch.is_empty:
            batch = held.next_batch(late(*aside))


def test_what_still_waits_is_found_where_it_waits(store: Store) -> None:
    event = keep_message(store)

    trace = only(traces(store).find_by_wamid("wamid.1"))

    assert (trace.waiting_state, trace.is_known, trace.key) == ("waiting", False, event.key)
    assert trace.kept_event
    assert trace.kept_event.partition == 3
    assert len(traces(store).find_by_contact(ANA, 10).traces) == 2


def test_what_was_set_aside_is_said_to_be(store: Store) -> None:
    event = keep_message(store)
    keep(store, 3, "behind it")
    pass_all(store, event.delivery)

    trace = only(traces(store).find_by_wamid("wamid.1"))
    assert trace.waiting_state == "aside"
    assert trace.deferred
    assert trace.deferred.last_error["class"] == "failed"


def test_what_a_person_gave_up_is_said_to_be(store: Store) -> None:
    event = keep_message(store)
    keep(store, 3, "behind it")
    pass_all(store, event.delivery)
    letter = review_list.find(store, event.delivery)
    assert letter
    review_list.drop(store, letter, given_up=True)

    assert only(traces(store).find_by_wamid("wamid.1")).waiting_state == "given_up"


def test_what_was_passed_and_is_not_known_is_not_said_to_wait(store: Store) -> None:
    keep_message(store)
    pass_all(store)

    assert not traces(store).find_by_wamid("wamid.1").has_results


def test_an_event_that_could_not_be_planned_is_found_as_a_dead_letter(store: Store) -> None:
    event = keep_message(store)
    store_dead_letters(store, [Failure(event, "KeyError", "Traceback …")])
    pass_all(store)

    trace = only(traces(store).find_by_wamid("wamid.1"))

    assert trace.failure
    assert trace.failure.error == "KeyError"
    assert trace.kept_event
    assert (trace.kept_event.delivery, trace.is_known) == (event.delivery, False)


def test_a_delivery_that_was_trimmed_leaves_its_place_and_moment(store: Store) -> None:
    event = keep_message(store)
    plan_one(store, event)
    raw(store).delete(f"{keys.partition(3)}inbox")

    kept = only(traces(store).find_by_wamid("wamid.1")).kept_event

    assert kept
    assert (kept.problem, kept.event, kept.delivery) == (GONE, None, event.delivery)


def test_a_delivery_that_cannot_be_opened_is_no_hindrance(store: Store) -> None:
    sealed = Bodies([b"k" * 32])
    plan_one(store, keep_message(store, bodies=sealed))

    kept = only(traces(store).find_by_wamid("wamid.1")).kept_event

    assert kept
    assert kept.problem.startswith("its delivery cannot be opened here: key ")
    assert only(traces(store, sealed).find_by_wamid("wamid.1")).kept_event != kept


def test_what_could_not_be_looked_through_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_message(store, bodies=Bodies([b"k" * 32]))
    keep(store, 5, "a", "b", "c")
    monkeypatch.setattr(lookup, "MOST_WAITING", 2)

    assert traces(store).find_by_wamid("wamid.1") == Search(unopened=1, is_truncated=True)


def test_statuses_of_a_message_that_is_not_ours_are_told(store: Store) -> None:
    events = tuple(a_status("wamid.theirs", status) for status in ("delivered", "sent"))
    empty = Plan(NUMBER, planned(store, a_message())[0].contact, changed=False, events=events)
    commit(store, [empty], WEEK)

    trace = only(traces(store).find_by_wamid("wamid.theirs"))

    assert (trace.foreign_statuses, trace.sends) == (("sent", "delivered"), ())


def test_a_send_tells_its_attempts_and_statuses(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(
        store,
        ONE,
        "later",
        wait_ms=0,
        error_json='{"code":4}',
        history_json='{"outcome":"later","code":4}',
    )
    take(store)
    settle(store, ONE, "accepted", attempt=2, wamid="wamid.out", history_json='"no object"')
    tell(store, "read", ONE, attempt=2)
    tell(store, "sent", ONE, attempt=2)

    (sent,) = only(traces(store).find_by_send(ONE.id)).sends

    assert (sent.stage, sent.attempts, sent.wamid) == ("read", 2, "wamid.out")
    assert sent.notes == {1: {"outcome": "later", "code": 4}, 2: {"outcome": "no object"}}
    assert [(one.stage, one.attempt) for one in sent.statuses] == [("sent", "2"), ("read", "2")]
    assert sent.planned_at
    assert sent.planned_at <= sent.began[1] <= sent.began[2]


def test_a_status_tells_when_it_was_kept(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.out")
    event = a_status("wamid.out", "sent", delivery="2:1795374900772-0")
    empty = Plan(NUMBER, planned(store, a_message())[0].contact, changed=False, events=(event,))
    commit(store, [empty], WEEK)
    tell(store, "sent", ONE)

    (sent,) = only(traces(store).find_by_send(ONE.id)).sends

    assert sent.statuses[0].kept_at == datetime.fromtimestamp(1795374900.772, UTC)


def test_a_send_tells_where_it_waits(store: Store) -> None:
    later = a_send("later", due_at=datetime.now(UTC) + timedelta(hours=1))
    lost = a_send("lost", lane="351900000002")
    queue(store, ONE, a_send("two"), later, lost)
    raw(store).zadd(f"{PREFIX}unconfirmed", {lost.id: 5_000})
    raw(store).zadd(f"{PREFIX}dead", {f"send:{lost.id}": 6_000})

    stands = {
        one.id.rstrip("x"): one.state
        for send in (ONE, a_send("two"), later, lost)
        for one in only(traces(store).find_by_send(send.id)).sends
    }

    assert [stands[name].sends_ahead for name in ("one", "two", "later")] == [0, 1, None]
    assert stands["later"].due_at
    assert stands["lost"].unconfirmed_till == datetime.fromtimestamp(5, UTC)
    assert stands["lost"].dead_at == datetime.fromtimestamp(6, UTC)


def test_a_send_that_is_forgotten_is_named_in_its_record(store: Store) -> None:
    (send,) = plan_one(store, keep_message(store)).sends
    raw(store).delete(f"{PREFIX}send:{send.id}")

    (sent,) = only(traces(store).find_by_wamid("wamid.1")).sends

    assert (sent.id, sent.stage) == (send.id, "")
    assert not traces(store).find_by_send(send.id).has_results


def test_a_send_whose_record_is_gone_stands_alone(store: Store) -> None:
    (send,) = plan_one(store, keep_message(store)).sends
    raw(store).delete(*raw(store).keys(f"{PREFIX}record:*"))

    trace = only(traces(store).find_by_send(send.id))

    assert (trace.key, trace.kept_event, trace.sends[0].rule) == ("", None, "welcome")


def test_of_a_customer_the_latest_is_told_and_what_waits(store: Store) -> None:
    for number in range(3):
        plan_one(store, keep_message(store, f"wamid.{number}"))
    queue(store, a_send("bulk", priority=BULK), a_send("notice", priority=NOTICE))
    pass_all(store)

    found = traces(store).find_by_contact(ANA, 2)

    (conversation,) = found.conversations
    assert [trace.key[-1] for trace in conversation.traces] == ["1", "2"]
    assert conversation.lanes == {"reply": 3, "notice": 1, "bulk": 1}
    assert [sent.priority for sent in conversation.sends] == ["reply", "notice", "bulk"]
    assert conversation.contact.last_inbound_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert found.traces == ()


def test_asking_changes_nothing(store: Store) -> None:
    plan_one(store, keep_message(store))
    before = {key: raw(store).dump(key) for key in raw(store).keys("*")}

    traces(store).find_by_wamid("wamid.1")
    traces(store).find_by_wamid("wamid.2")
    traces(store).find_by_contact(ANA, 10)

    assert {key: raw(store).dump(key) for key in raw(store).keys("*")} == before


def test_a_contact_that_cannot_be_read_hides_nothing_of_what_was_planned_for_it(
    store: Store,
) -> None:
    commit(store, planned(store, a_message()), WEEK)
    raw(store).hset(f"{PREFIX}contact:{ANA}", "state", "no JSON")

    (conversation,) = traces(store).find_by_contact(ANA, 10).conversations

    assert conversation.unreadable == "a contact cannot be read: its state raises JSONDecodeError"
    assert [trace.number for trace in conversation.traces] == [NUMBER]
    assert conversation.lanes["reply"] == 1
