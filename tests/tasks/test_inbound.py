"""Whatever waits in the inbox gets its effect once and in order, through a real store."""

from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.events import Message
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import review_list
from gateway.store.inbox.lease import Batch, LeasedPartitions
from gateway.store.inbox.leased_partition import Deferred
from gateway.store.inbox.status_room import MOST_EVENTS
from gateway.store.number_list import numbers
from gateway.store.redis.client import Store
from tasks import inbound
from tasks.context import WorkerContext
from tests.support.factories import ANA, NUMBER, bytes_of, delivery_body, message_item, status_item
from tests.support.rules.rulebooks import book
from tests.support.servers import wait_until
from tests.support.tasks.worker_state import (
    PREFIX,
    Echo,
    counted,
    keep,
    planned,
    raw,
    rung,
    take_effect,
    waiting,
)

pytestmark = pytest.mark.store

REPLY = "Yes: red, green and blue."
ASKED = message_item("wamid.in1", "which color?")


def test_a_message_has_its_effect_and_its_sender_is_rung_for(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, delivery_body(ASKED))

    inbound.drain()

    assert planned(store) == [REPLY]
    assert waiting(at_work) == 0
    wait_until(lambda: rung(store, "critical") == 1, "a thread of its own rings")


def test_an_empty_inbox_rings_for_nobody(at_work: WorkerContext, store: Store) -> None:
    inbound.drain()

    assert (rung(store, "default"), rung(store, "critical")) == (0, 0)


@pytest.mark.parametrize(
    "deliveries",
    [
        [delivery_body(ASKED, ASKED)],
        [delivery_body(ASKED), delivery_body(ASKED)],
        [delivery_body(ASKED), delivery_body(message_item("wamid.in2"), ASKED)],
    ],
    ids=["in one delivery", "in two", "regrouped"],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after another"])
def test_however_often_meta_redelivers_the_effect_is_one(
    at_work: WorkerContext, store: Store, deliveries: list[bytes], at_once: bool
) -> None:
    for body in deliveries:
        keep(store, body)
        if not at_once:
            inbound.drain()
    inbound.drain()

    assert planned(store) == [REPLY]
    assert counted(store, "events.known") == 1
    assert waiting(at_work) == 0


def test_actions_whose_text_came_out_empty_are_counted_once(
    at_work: WorkerContext, store: Store
) -> None:
    rules = book("- {name: it, then: ['{{ tapped }}', {tag: '{{ tapped }}'}, Yes.]}")
    for _ in range(2):
        keep(store, delivery_body(ASKED))
        assert take_effect(at_work, rules) == {}

    assert counted(store, "actions.empty") == 2
    assert planned(store) == ["Yes."]


def test_statuses_that_come_again_are_counted_by_themselves(
    at_work: WorkerContext, store: Store
) -> None:
    sent = delivery_body(ASKED, statuses=[status_item("wamid.out", "sent")])
    for _ in range(3):
        keep(store, sent)

    assert take_effect(at_work, Echo()) == {}

    assert (counted(store, "events.known"), counted(store, "statuses.repeated")) == (4, 2)


def test_the_log_of_a_batch_names_its_sends_its_statuses_and_counts_duplicates(
    at_work: WorkerContext, store: Store
) -> None:
    failure = {"code": 131026, "title": "Message undeliverable"}
    failed = status_item("wamid.out", "failed", "abc:1") | {"errors": [failure]}
    keep(store, delivery_body(ASKED, ASKED, statuses=[failed]))

    with capture_logs() as logged:
        inbound.drain()

    (line,) = (one for one in logged if one["event"] == "batch_drained")
    assert (line["known"], len(line["send_ids"]), line["sends"]) == ({"event": 1}, 1, 1)
    assert raw(store).exists(f"{PREFIX}send:{line['send_ids'][0]}")
    assert line["statuses"] == [{"send": "", "stage": "failed", **failure}]


def test_a_delivery_of_a_thousand_items_has_every_effect_in_order(
    at_work: WorkerContext, store: Store
) -> None:
    items = [message_item(f"wamid.{i}", f"{i:04}") for i in range(1000)]
    keep(store, delivery_body(*items))

    assert take_effect(at_work, Echo()) == {}

    assert planned(store) == [f"{i:04}" for i in range(1000)]
    assert counted(store, "events.message") == 1000


def test_what_was_refused_is_planned_again_in_its_order(
    at_work: WorkerContext, store: Store
) -> None:
    others = iter([b"another worker's"])

    def once(_: Message) -> None:
        for version in others:
            store.redis.hset(f"{PREFIX}contact:{ANA}", "version", version)

    keep(store, delivery_body(message_item("wamid.first", "first")))
    take_effect(at_work, Echo())
    items = [message_item(f"wamid.{i}", f"{i:04}") for i in range(150)]
    keep(store, delivery_body(*items))

    assert take_effect(at_work, Echo(once)) == {}

    assert planned(store) == ["first", *(f"{i:04}" for i in range(150))]


def test_an_event_that_cannot_be_planned_hurts_no_neighbour(
    at_work: WorkerContext, store: Store
) -> None:
    def breaks(event: Message) -> None:
        if event.text == "boom":
            raise ZeroDivisionError("a rule's bug")

    said = ["one", "boom", "two"]
    keep(store, delivery_body(*(message_item(f"wamid.{word}", word) for word in said)))

    assert take_effect(at_work, Echo(breaks)) == {}

    assert planned(store) == ["one", "two"]
    assert store.redis.zcard(f"{PREFIX}dead") == 1
    assert (waiting(at_work), counted(store, "events.dead")) == (0, 1)


def test_a_dead_event_that_comes_again_is_planned_again(
    at_work: WorkerContext, store: Store
) -> None:
    def breaks(_: Message) -> None:
        raise ZeroDivisionError("a rule's bug")

    keep(store, delivery_body(ASKED))
    take_effect(at_work, Echo(breaks))
    keep(store, delivery_body(ASKED))
    take_effect(at_work, Echo())

    assert planned(store) == ["which color?"]
    assert store.redis.zcard(f"{PREFIX}dead") == 0


def test_bytes_that_are_no_webhook_are_an_event_of_their_own(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, b"\xff\x00 no JSON", b"[]", b'{"object": "moon_landing"}', delivery_body(ASKED))

    inbound.drain()

    assert planned(store) == [REPLY]
    assert waiting(at_work) == 0
    assert counted(store, "events.unreadable", number="") == 2


def test_a_number_is_listed_before_its_first_commit(at_work: WorkerContext, store: Store) -> None:
    store.redis.set(f"{PREFIX}places", "no number")
    keep(store, delivery_body(ASKED))

    assert len(take_effect(at_work, Echo())) == 1

    assert numbers(store) == [NUMBER]


def test_statuses_of_sends_that_nobody_knows_are_counted(
    at_work: WorkerContext, store: Store
) -> None:
    keep(store, delivery_body(statuses=[status_item("wamid.alien", "delivered")]))

    inbound.drain()

    assert counted(store, "statuses.unmatched") == 1
    assert waiting(at_work) == 0


def test_a_full_batch_is_shared_with_a_worker_that_is_called(
    at_work: WorkerContext, store: Store
) -> None:
    bodies = [
        delivery_body(message_item(f"wamid.{i}", "color", sender=f"3519{i % 400:08}"))
        for i in range(1200)
    ]
    keep(store, *bodies)

    while waiting(at_work):
        inbound.drain()

    assert rung(store, "default") >= 1
    assert len(planned(store)) == 1200


def test_a_record_that_cannot_be_opened_is_set_aside_and_the_rest_goes_on(
    at_work: WorkerContext, store: Store
) -> None:
    keep(
        store,
        delivery_body(message_item("wamid.locked", "color")),
        bodies_as=Bodies([b"k" * 32]),
    )
    keep(store, delivery_body(ASKED))

    inbound.drain()

    assert planned(store) == [REPLY]
    (letter,) = review_list.iter_letters(store, DeadLetterFilter())
    assert (letter.cause, letter.error["class"], letter.number) == ("aside", "unopened", "")
    assert store.redis.zcard(f"{keys.number('')}dead") == 0


def test_an_upgrade_by_meta_raises_the_pace_of_our_number(
    at_work: WorkerContext, store: Store
) -> None:
    told = {"display_phone_number": "15550001111", "event": "THROUGHPUT_UPGRADE"}
    keep(store, bytes_of({"field": "phone_number_quality_update", "value": told}))

    take_effect(at_work, Echo())

    assert raw(store).hget(f"{PREFIX}tokens", "granted") == b"1000"


def test_the_time_it_takes_to_begin_is_not_of_the_slice(
    at_work: WorkerContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, begin = [0.0], LeasedPartitions.next_batch

    def begins_slowly(held: LeasedPartitions, *late: Deferred) -> Batch:
        clock[0] += 0 if clock[0] else 2 * inbound.SLICE_S
        return begin(held, *late)

    monkeypatch.setattr(LeasedPartitions, "next_batch", begins_slowly)
    monkeypatch.setattr(
        inbound, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda _: None)
    )
    keep(store, delivery_body(*(message_item(f"wamid.{i}") for i in range(2 * MOST_EVENTS))))

    inbound.drain.run()

    assert waiting(at_work) == 0
