"""Unreachable customers: remembered by Meta's refusal, forgotten once they are reached or write."""

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.send import Send, StatusUpdate
from gateway.store import number_list
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.lua.constants import UNREACHABLE_BUCKETS, UNREACHABLE_PER_BUCKET
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from gateway.store.sending.unreachable import find_unreachable
from tests.support.factories import NUMBER, a_message, a_status
from tests.support.store.campaigns import BODIES, INPUTS, a_campaign, cells, phone, read
from tests.support.store.compacted_sends import compact
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, queue, settle, take, tell

pytestmark = pytest.mark.store
REFUSED = '{"code":131026,"title":"Message undeliverable"}'
DAY_S, HOUR = 86_400, timedelta(hours=1)


def to(i: int, name: str = "first") -> Send:
    return a_send(f"{name}{i}", phone(i))


def refuse(
    store: Store, i: int, failure: str = REFUSED, step: str = "dropped", name: str = "first"
) -> Send:
    """Let Meta refuse a message to a customer."""
    send = to(i, name)
    queue(store, send)
    take(store)
    settle(store, send, step, error_json=failure)
    return send


def accepted(store: Store, send: Send) -> Send:
    """Let Meta accept a message."""
    queue(store, send)
    take(store)
    settle(store, send, "accepted", wamid="wamid.out")
    return send


def unreachable(store: Store, *recipients: int) -> set[str]:
    contacts = [find_contact(store, NUMBER, phone(i)) for i in recipients]
    return set(find_unreachable(store, NUMBER, contacts))


def slot(name: str) -> tuple[str, bytes]:
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    bucket = int.from_bytes(digest[:4], "big") % UNREACHABLE_BUCKETS
    return f"{PREFIX}unreachable:{bucket}", digest[4:10]


def checked(store: Store, campaign: Campaign) -> tuple[int, int]:
    found = check_campaign(store, BODIES, campaign, INPUTS)
    return found.unreachable, found.would_get


@pytest.mark.parametrize("step", ["dropped", "dead"])
def test_whom_meta_could_not_deliver_to_is_remembered(store: Store, step: str) -> None:
    refuse(store, 1, step=step)
    refuse(store, 2, '{"code":131051}', step)

    assert unreachable(store, 0, 1, 2) == {phone(1)}


def report(store: Store, status: str, send: Send, i: int, at: datetime) -> None:
    """Commit a status about a customer's message, which Meta says is of a moment."""
    event = a_status(f"wamid.{send.id}", status, contact=phone(i), at=at)
    error = {"code": 131026} if status == "failed" else None
    update = StatusUpdate(send.id, "1", "wamid.out", status, at, error)
    contact = find_contact(store, NUMBER, phone(i))
    plan = Plan(NUMBER, contact, changed=False, events=(event,), status_updates=(update,))
    assert commit(store, [plan], WEEK) == [True]


def test_a_status_says_so_as_well(store: Store) -> None:
    send = accepted(store, to(1))

    report(store, "failed", send, 1, datetime.now(UTC))

    assert unreachable(store, 0, 1) == {phone(1)}


def test_whoever_wrote_after_a_failure_that_is_reported_late_can_be_reached(store: Store) -> None:
    now = datetime.now(UTC)
    late, soon = accepted(store, to(1)), accepted(store, to(2))
    for i in (1, 2):
        contact = find_contact(store, NUMBER, phone(i))
        write(store, contact.with_event(a_message(f"wamid.{i}", phone(i), at=now - HOUR / i)))

    report(store, "failed", late, 1, now - 2 * HOUR)
    report(store, "failed", soon, 2, now + HOUR)  # by Meta's clock, which is fast

    assert unreachable(store, 1, 2) == {phone(2)}


def test_of_two_failures_the_later_one_counts(store: Store) -> None:
    now = datetime.now(UTC)
    late = accepted(store, to(1))
    refuse(store, 1, name="second")
    contact = find_contact(store, NUMBER, phone(1))
    write(store, contact.with_event(a_message("wamid.1", phone(1), at=now - HOUR)))

    report(store, "failed", late, 1, now - 2 * HOUR)

    assert unreachable(store, 1) == {phone(1)}


def test_where_nobody_is_unreachable_nothing_is_stored(store: Store) -> None:
    send = accepted(store, to(1))
    tell(store, "delivered", send)

    assert unreachable(store, 1) == set()
    assert raw(store).keys(f"{PREFIX}unreachable*") == []


def test_whoever_is_reached_is_forgotten(store: Store) -> None:
    refuse(store, 1)
    send = accepted(store, to(1, "second"))
    assert unreachable(store, 1)

    tell(store, "delivered", send)

    assert unreachable(store, 1) == set()
    assert raw(store).exists(slot(phone(1))[0]) == 0


def test_a_message_is_delivered_late_of_which_no_row_is_left(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    sends = [accepted(store, to(i)) for i in (1, 2)]
    assert compact(store) == 2
    for i in (1, 2):
        refuse(store, i, name="second")

    report(store, "delivered", sends[0], 1, datetime.now(UTC))
    report(store, "sent", sends[1], 2, datetime.now(UTC))

    assert unreachable(store, 1, 2) == {phone(2)}


def test_a_message_that_failed_is_delivered_after_all(store: Store) -> None:
    send, now = accepted(store, to(1)), datetime.now(UTC)
    report(store, "failed", send, 1, now)
    assert unreachable(store, 1)

    report(store, "delivered", send, 1, now)

    assert unreachable(store, 1) == set()


def test_damage_to_what_is_remembered_holds_up_no_send(store: Store) -> None:
    refuse(store, 1)
    bucket, _ = slot(phone(1))
    raw(store).delete(bucket)
    raw(store).set(bucket, "of another type")

    send = accepted(store, to(1, "second"))
    tell(store, "delivered", send)
    refused = refuse(store, 1, name="third")

    stages = [raw(store).hget(f"{PREFIX}send:{one.id}", "stage") for one in (send, refused)]
    assert stages == [b"delivered", b"dropped"]
    assert unreachable(store, 1) == set()


def test_whoever_writes_can_be_reached(store: Store) -> None:
    refuse(store, 1)
    before, after = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(minutes=1)
    contact = find_contact(store, NUMBER, phone(1))

    write(store, contact.with_event(a_message("wamid.before", phone(1), at=before)))
    assert unreachable(store, 1) == {phone(1)}

    write(store, contact.with_event(a_message("wamid.after", phone(1), at=after)))
    assert unreachable(store, 1) == set()


def write(store: Store, contact: Contact) -> None:
    stored = find_contact(store, NUMBER, contact.key)
    event = a_message(f"wamid.{contact.last_inbound_at}", contact.key)
    named = Contact(
        **{name: getattr(contact, name) for name in contact.__slots__} | {"version": stored.version}
    )
    plan = Plan(NUMBER, named, changed=True, events=(event,))
    assert commit(store, [plan], WEEK) == [True]


def test_after_thirty_days_it_is_tried_again(store: Store) -> None:
    refuse(store, 1)
    bucket, field = slot(phone(1))
    assert raw(store).hkeys(bucket) == [field]

    raw(store).hset(bucket, field, struct.pack(">I", now_ms(store) // 1000 - 30 * DAY_S - 60))

    assert unreachable(store, 1) == set()


def test_a_full_bucket_makes_room_of_what_is_old_or_else_of_the_oldest(store: Store) -> None:
    bucket, _ = slot(phone(1))
    now_s = now_ms(store) // 1000
    young: Any = {
        struct.pack(">IH", i, 7): struct.pack(">I", now_s - 60 - i)
        for i in range(UNREACHABLE_PER_BUCKET)
    }
    raw(store).hset(bucket, mapping=young)

    refuse(store, 1)

    fields = raw(store).hkeys(bucket)
    assert len(fields) == UNREACHABLE_PER_BUCKET
    oldest = struct.pack(">IH", UNREACHABLE_PER_BUCKET - 1, 7)
    assert oldest not in fields
    assert unreachable(store, 1)
    old: Any = dict.fromkeys(young, struct.pack(">I", now_s - 31 * DAY_S))
    raw(store).delete(bucket)
    raw(store).hset(bucket, mapping=old)
    settle_again = to(1, "again")
    queue(store, settle_again)
    take(store)
    settle(store, settle_again, "dead", error_json=REFUSED)
    assert raw(store).hkeys(bucket) == [slot(phone(1))[1]]


def test_the_check_counts_them_and_they_get_it_unless_they_are_left_out(store: Store) -> None:
    refuse(store, 1)
    refuse(store, 7)
    every, some = a_campaign(store, 3), a_campaign(store, 3, skip_unreachable=True)

    assert checked(store, every) == (1, 3)
    assert checked(store, some) == (1, 2)


def test_those_who_are_left_out_are_in_the_funnel_with_metas_code(store: Store) -> None:
    refuse(store, 1)
    bucket, field = slot(phone(1))
    noted = raw(store).hget(bucket, field)
    campaign = a_campaign(store, 3, skip_unreachable=True)
    assert control.start(store, campaign, "ana", datetime.now(UTC)) == ""

    assert expand(store, BODIES, read(store, campaign)) == 2

    assert cells(store, campaign) == {"queued": 2, "failed": 1}
    assert read(store, campaign).funnel.codes == {131026: 1}
    states = {one.phone: state for one, state in iter_recipients(store, BODIES, campaign)}
    assert (states[phone(1)].cell, states[phone(1)].code) == ("failed", 131026)
    assert raw(store).hget(bucket, field) == noted  # which ends as if nobody had tried again


def test_an_erased_customer_is_forgotten(store: Store) -> None:
    refuse(store, 1)
    refuse(store, 2)

    assert store.call("erase_contact", PREFIX, "", "salt", 0, phone(1)) == 1

    assert unreachable(store, 1, 2) == {phone(2)}
