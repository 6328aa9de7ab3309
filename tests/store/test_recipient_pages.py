"""Pages of a campaign's recipients: those in a cell are found among many, each once."""

from datetime import UTC, datetime

import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import CHUNK
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.recipients.page import (
    RecipientFilter,
    RecipientPage,
    read_recipient_page,
)
from gateway.store.redis.client import Store
from tests.support.store.campaigns import BODIES, a_campaign, phone, read
from tests.support.store.recipients import place

pytestmark = pytest.mark.store
FAILED = RecipientFilter(frozenset({"failed"}))


def page(store: Store, campaign: Campaign, wanted: RecipientFilter, *rest: int) -> RecipientPage:
    return read_recipient_page(store, BODIES, campaign, wanted, *rest)


def rows(found: RecipientPage) -> list[int]:
    return [one.row for one in found.recipients]


def test_those_who_failed_are_found_wherever_they_are(store: Store) -> None:
    campaign = a_campaign(store, 2 * CHUNK + 10)
    failed = [0, 7, CHUNK - 1, CHUNK, 2 * CHUNK + 9]
    for row in failed:
        place(store, campaign, row, "failed", 131026 if row % 2 else 131049)
    place(store, campaign, 8, "read")

    found = page(store, campaign, FAILED)

    assert [(one.row, one.phone, one.state.cell) for one in found.recipients] == [
        (row, phone(row), "failed") for row in failed
    ]
    assert found.recipients[0].send == campaign_send_id(campaign.id, 0)
    assert found.next_row is None
    assert rows(page(store, campaign, RecipientFilter(code=131026))) == [
        7,
        CHUNK - 1,
        2 * CHUNK + 9,
    ]
    both = RecipientFilter(frozenset({"failed", "read"}))
    assert rows(page(store, campaign, both)) == sorted([*failed, 8])


def test_pages_lead_from_one_to_the_next(store: Store) -> None:
    campaign = a_campaign(store, 20)
    for row in range(0, 20, 2):
        place(store, campaign, row, "failed", 131026)

    first = page(store, campaign, FAILED, 0, 4)
    second = page(store, campaign, FAILED, first.next_row or 0, 6)

    assert rows(first) + rows(second) == list(range(0, 20, 2))
    assert (first.next_row, second.next_row) == (8, None)


def test_a_page_ends_where_it_has_examined_enough_and_the_next_goes_on(store: Store) -> None:
    campaign = a_campaign(store, 30)
    place(store, campaign, 25, "failed", 131026)

    first = page(store, campaign, FAILED, 0, 50, 10)
    last = page(store, campaign, FAILED, 20, 50, 10)

    assert (rows(first), first.next_row) == ([], 10)
    assert (rows(last), last.next_row) == ([25], None)


def test_who_was_never_written_to_is_where_the_campaign_ended(store: Store) -> None:
    campaign = a_campaign(store, 3)
    place(store, campaign, 1, "sent")
    control.start(store, campaign, "test", datetime.now(UTC))
    control.cancel(store, read(store, campaign), "test", "why")

    cancelled = read(store, campaign)

    found = page(store, cancelled, RecipientFilter(frozenset({"cancelled"})))
    assert [(one.row, one.state.cell, one.send) for one in found.recipients] == [
        (0, "cancelled", ""), (2, "cancelled", "")
    ]  # fmt: skip
    assert rows(page(store, cancelled, RecipientFilter(frozenset({"waiting"})))) == []
    assert rows(page(store, cancelled, RecipientFilter())) == [0, 1, 2]


def test_answers_stand_beside_those_who_gave_them(store: Store) -> None:
    campaign = a_campaign(store, 20)
    key = campaign_key(campaign.number, campaign.id)
    for way, row in (("replied", 17), ("tapped", 17), ("opted_out", 3)):
        store.redis.setbit(f"{key}:{way}", row, 1)

    found = page(store, campaign, RecipientFilter()).recipients

    answers = {one.row: set(one.answers) for one in found if one.answers}
    assert answers == {3: {"opted_out"}, 17: {"replied", "tapped"}}


def test_recipients_whose_rows_are_lost_are_shown_without_a_phone(store: Store) -> None:
    campaign = a_campaign(store, CHUNK + 1)
    key = campaign_key(campaign.number, campaign.id)
    store.redis.delete(f"{key}:chunk:{campaign.audience}:0")
    place(store, campaign, 5, "failed")
    place(store, campaign, CHUNK, "failed")

    found = page(store, campaign, FAILED).recipients

    assert [(one.row, one.phone) for one in found] == [(5, ""), (CHUNK, phone(CHUNK))]
