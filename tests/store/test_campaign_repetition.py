"""A campaign that has ended is repeated for those whom it did not reach, each of them once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.campaigns.retry_source import RetrySource
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import StatusUpdate
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.campaigns import Campaign, change_phase
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.uploads.repetition import find_obstacle, repeat_campaign
from gateway.store.redis.client import Store
from tests.support.store.campaigns import (
    BODIES,
    INPUTS,
    a_campaign,
    cells,
    csv_of,
    give_audience,
    phone,
    read,
)
from tests.support.store.sends import commit_statuses, lanes

pytestmark = pytest.mark.store
CODES = (131026, 131049)


def ended(store: Store, **others: Any) -> Campaign:
    """Let two of six recipients fail, one get it, one be in doubt, and two expire."""
    campaign = a_campaign(store, 6, finish_by="2100-01-01T00:00Z", **others)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    expand(store, BODIES, read(store, campaign), 4)
    for i, one in enumerate(lanes(store).pump([], 10).attempts):
        step: Any = ("dead", "dead", "accepted", "unconfirmed")[i]
        error = f'{{"code":{CODES[i]}}}' if i < 2 else ""
        known: Any = {"wait_ms": 10**13} if step == "unconfirmed" else {"wamid": f"wamid.{i}"}
        outcome = Outcome(one.send, one.ordinal, step, error_json=error, **known)
        lanes(store).pump([outcome], 0)
    change_phase(store, read(store, campaign), ["running"], "expired", "finish_by", "over")
    return read(store, campaign)


def phones(store: Store, id_: str) -> list[str]:
    return [one.phone for one, _ in iter_recipients(store, BODIES, read(store, id_))]


def test_a_draft_has_those_who_failed_and_the_message_of_the_campaign(store: Store) -> None:
    campaign = ended(store)

    draft = read(store, repeat_campaign(store, BODIES, campaign, "failed"))

    assert phones(store, draft.id) == [phone(0), phone(1)]
    assert (draft.phase, draft.number) == ("draft", campaign.number)
    assert draft.definition.name == "spring (again)"
    assert draft.definition.body == campaign.definition.body
    assert draft.definition.finish_by is None
    (first, _) = [one for one, _ in iter_recipients(store, BODIES, draft)]
    assert first.values == {"first": "Ana 0"}


@pytest.mark.parametrize(
    ("scope", "codes", "wanted"),
    [
        ("failed", [131049], [1]),
        ("failed", [131026, 1], [0]),
        ("expired", [], [4, 5]),
        ("unconfirmed", [], [3]),
        ("cancelled", [], []),
    ],
)
def test_it_is_for_those_of_a_cell_and_of_codes(
    store: Store, scope: Any, codes: list[int], wanted: list[int]
) -> None:
    campaign = ended(store)

    id_ = repeat_campaign(store, BODIES, campaign, scope, codes)

    assert phones(store, id_) == [phone(i) for i in wanted]


def test_who_asks_twice_gets_the_same_draft(store: Store) -> None:
    campaign = ended(store)
    first = repeat_campaign(store, BODIES, campaign, "failed", [131026, 131049])
    assert control.start(store, read(store, first), "test", datetime.now(UTC)) == ""

    second = repeat_campaign(store, BODIES, campaign, "failed", [131049, 131026])

    assert second == first
    assert read(store, first).phase == "running"


def test_a_draft_that_was_cancelled_makes_room_for_another(store: Store) -> None:
    campaign = ended(store)
    first = repeat_campaign(store, BODIES, campaign, "failed")
    assert control.cancel(store, read(store, first), "ana", "not yet") == ""

    second = repeat_campaign(store, BODIES, campaign, "failed")

    assert second != first
    assert phones(store, second) == [phone(0), phone(1)]


def test_a_draft_whose_maker_died_before_its_audience_gets_it_the_next_time(store: Store) -> None:
    campaign = ended(store)
    id_ = repeat_campaign(store, BODIES, campaign, "failed")
    store.redis.hdel(campaigns.campaign_key(campaign.number, id_), "audience", "recipients")

    assert repeat_campaign(store, BODIES, campaign, "failed") == id_
    assert phones(store, id_) == [phone(0), phone(1)]


def test_only_a_campaign_that_has_ended_is_repeated_and_only_for_somebody(store: Store) -> None:
    campaign = ended(store)

    assert find_obstacle(campaign, "failed", [131026]) == ""
    assert "with 1, 2" in find_obstacle(campaign, "failed", [2, 1])
    assert "is draft" in find_obstacle(a_campaign(store), "failed", [])


def test_the_zones_of_the_file_hold_for_the_repetition(store: Store) -> None:
    quiet = {"from": "21:00", "to": "08:00"}
    campaign = a_campaign(store, 0, quiet_hours=quiet)
    content = f"phone,first,zone\n+{phone(0)},Ana,Asia/Tokyo\n+{phone(1)},Bob,"
    give_audience(store, read(store, campaign), content.encode())
    change_phase(store, read(store, campaign), ["draft"], "expired", "finish_by", "over")

    draft = read(store, repeat_campaign(store, BODIES, read(store, campaign), "expired"))

    assert [group.zones for group in draft.groups] == [
        ("Asia/Tokyo",), ("Atlantic/Azores", "Europe/Lisbon")
    ]  # fmt: skip


def report(store: Store, campaign: Campaign, row: int, status: str) -> None:
    """Let Meta report late what became of the message of a campaign to a recipient."""
    send, now = campaign_send_id(campaign.id, row), datetime.now(UTC)
    commit_statuses(store, StatusUpdate(send, "1", f"wamid.{row}", status, now))


def start(store: Store, draft: Campaign) -> list[str]:
    """Start a draft, and return to whom it posts."""
    assert control.start(store, draft, "test", datetime.now(UTC)) == ""
    expand(store, BODIES, read(store, draft), 0)
    attempts = lanes(store).pump([], 10).attempts
    settled = [Outcome(one.send, 1, "dead", error_json='{"code":131049}') for one in attempts]
    lanes(store).pump(settled, 0)
    return [one.body["to"] for one in attempts]


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
def test_whom_the_earlier_message_reached_after_all_gets_no_second_one(
    store: Store, status: str
) -> None:
    campaign = ended(store)
    draft = read(store, repeat_campaign(store, BODIES, campaign, "unconfirmed"))
    assert check_campaign(store, BODIES, draft, INPUTS).would_get == 1
    report(store, campaign, 3, status)

    check = check_campaign(store, BODIES, draft, INPUTS)
    assert (check.recipients, check.not_needed, check.would_get) == (1, 1, 0)
    assert start(store, draft) == []
    assert cells(store, draft) == {"not_needed": 1}
    assert read(store, draft).funnel.attempted == 0


def test_of_those_who_failed_the_others_get_the_second_message(store: Store) -> None:
    campaign = ended(store)
    draft = read(store, repeat_campaign(store, BODIES, campaign, "failed"))
    report(store, campaign, 0, "delivered")

    assert start(store, draft) == [f"+{phone(1)}"]
    assert cells(store, draft) == {"not_needed": 1, "failed": 1}


def test_the_repetition_of_a_repetition_looks_at_both_messages_before(store: Store) -> None:
    campaign = ended(store)
    second = read(store, repeat_campaign(store, BODIES, campaign, "failed"))
    assert start(store, second) == [f"+{phone(0)}", f"+{phone(1)}"]
    change_phase(store, second, ["running"], "completed", "campaign", "over")
    third = read(store, repeat_campaign(store, BODIES, read(store, second), "failed"))
    assert third.sources == (RetrySource(second.id, "failed"), RetrySource(campaign.id, "failed"))
    report(store, campaign, 1, "read")

    assert start(store, third) == [f"+{phone(0)}"]


def test_a_draft_that_is_given_another_audience_is_no_repetition_any_more(store: Store) -> None:
    campaign = ended(store)
    draft = read(store, repeat_campaign(store, BODIES, campaign, "failed"))
    give_audience(store, draft, csv_of(3))

    assert read(store, draft).sources == ()
    assert start(store, read(store, draft)) == [f"+{phone(i)}" for i in range(3)]
