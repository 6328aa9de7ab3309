"""Customers of whom Meta names a user id only are recipients of campaigns like all others."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.recipients.export import iter_export
from gateway.store.campaigns.recipients.page import RecipientFilter, read_recipient_page
from gateway.store.campaigns.uploads.known_customers import KnownCustomers
from gateway.store.campaigns.uploads.upload import (
    Home,
    TableForm,
    UploadResult,
    store_file,
    store_known,
)
from gateway.store.erasure.eraser import Eraser
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.store.campaigns import BODIES, INPUTS, a_definition, cells, phone, read
from tests.support.store.sends import WEEK, lanes

pytestmark = pytest.mark.store
ANA, BOB = "PT.1349128501", "BR.1349128502"


def know(store: Store, user_id: str, wa_id: str = "", name: str = "") -> None:
    """Commit a contact as a message of theirs would."""
    contact = Contact(
        name or user_id, wa_id=wa_id, user_id=user_id, tags=("vip",), vars={"first": "A"}
    )
    plan = Plan(NUMBER, contact, changed=True, events=())
    assert commit(store, [plan], WEEK) == [True]


def draft_of(
    store: Store, given: KnownCustomers | bytes, **more: Any
) -> tuple[Campaign, UploadResult]:
    campaign = read(store, create_campaign(store, BODIES, NUMBER, a_definition(**more)))
    if isinstance(given, bytes):
        file = io.BytesIO(given)
        result = store_file(store, BODIES, campaign, file, TableForm(), Home())
    else:
        result = store_known(store, BODIES, campaign, given, Home())
    return read(store, campaign), result


def names(store: Store, campaign: Campaign) -> list[str]:
    return sorted(one.phone for one, _ in iter_recipients(store, BODIES, campaign))


def test_a_customer_with_a_user_id_only_is_found_by_tag_list_and_table(store: Store) -> None:
    know(store, ANA)
    know(store, BOB, phone(0), phone(0))
    table = f"phone,user_id,first\n,{ANA},Ana\n+{phone(0)},{BOB},Bob\n,12345,Cid\n{ANA},,Ana\n"

    tagged, by_tag = draft_of(store, KnownCustomers("vip"))
    listed, by_list = draft_of(store, KnownCustomers("", [ANA, ANA, f"+{phone(0)}"]))
    given, by_table = draft_of(store, table.encode())

    for campaign in (tagged, listed, given):
        assert names(store, campaign) == [phone(0), ANA]
    skipped = [one.reader.skipped for one in (by_tag, by_list, by_table)]
    assert skipped == [{}, {"duplicate": 1}, {"empty": 1, "duplicate": 1}]


def test_they_are_checked_written_to_and_exported(store: Store) -> None:
    know(store, ANA)
    listed = KnownCustomers("", [ANA, f"+{phone(0)}", BOB])  # nothing is known of Bob yet
    campaign, _ = draft_of(store, listed, template={"name": "spring", "language": "en"})

    check = check_campaign(store, BODIES, campaign, INPUTS)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    assert expand(store, BODIES, read(store, campaign)) == 3
    sent = [one.body for one in lanes(store).pump([], 9).attempts]
    page = read_recipient_page(store, BODIES, campaign, RecipientFilter()).recipients
    rows = "".join(iter_export(store, BODIES, campaign)).splitlines()[1:]

    assert check.cost.countries == {"PT": 2, "BR": 1}
    assert {one.get("recipient") or one["to"] for one in sent} == {ANA, BOB, f"+{phone(0)}"}
    assert [one.phone for one in page] == [ANA, phone(0), BOB]
    assert [row.split(",")[:2] + row.split(",")[-1:] for row in rows] == [
        ["", "", ANA], [phone(0), f"+{phone(0)}", ""], ["", "", BOB]
    ]  # fmt: skip


def test_with_quiet_hours_the_account_s_zone_is_theirs(store: Store) -> None:
    know(store, ANA)
    quiet = {"from": "21:00", "to": "08:00"}

    campaign, _ = draft_of(store, KnownCustomers("vip"), quiet_hours=quiet)

    assert [group.zones for group in campaign.groups] == [("UTC",)]


def test_an_erased_customer_is_no_recipient_any_more(store: Store) -> None:
    know(store, ANA)
    know(store, BOB)
    campaign, _ = draft_of(store, KnownCustomers("vip"))

    eraser = Eraser(store, BODIES, WEEK)
    begun = eraser.begin(ANA, None)
    eraser.run(budget_s=60, only=begun.id)

    assert names(store, campaign) == ["", BOB]


def test_a_customer_who_stands_in_a_file_by_both_names_gets_it_once(store: Store) -> None:
    known = Contact(phone(0), wa_id=phone(0), user_id=BOB)
    plan = Plan(NUMBER, known, changed=True, events=(), joins=(Contact(BOB),))
    assert commit(store, [plan], WEEK) == [True]
    table = f"phone,user_id,first\n+{phone(0)},,Bob\n,{BOB},Bob\n,{ANA},Ana\n"
    campaign, result = draft_of(store, table.encode())
    assert result.recipients == 3
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""

    expand(store, BODIES, read(store, campaign))

    assert cells(store, campaign) == {"queued": 2, "not_needed": 1}
    assert len(lanes(store).pump([], 9).attempts) == 2
