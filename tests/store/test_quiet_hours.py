"""Campaigns with quiet hours: each recipient is written to by day, once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.core.campaigns.course import decide_step
from gateway.core.campaigns.view import view_waiting
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.store.campaigns import (
    BODIES,
    INPUTS,
    a_campaign,
    cells,
    give_audience,
    phone,
    read,
)
from tests.support.store.sends import lanes

pytestmark = pytest.mark.store
HOUR = timedelta(hours=1)
ZONES = ("Etc/GMT+12", "Etc/GMT", "Etc/GMT-12")  # twelve hours from each other


def quiet_but_in(zone: str) -> dict[str, str]:
    """Return quiet hours after which it is day in one of the zones only, for two hours more."""
    local = datetime.now(UTC).astimezone(ZoneInfo(zone))
    return {"from": f"{local + 2 * HOUR:%H:%M}", "to": f"{local - 2 * HOUR:%H:%M}"}


def rows_of(count: int, zones: tuple[str, ...] = ZONES) -> bytes:
    """Return a file in which the zones take turns."""
    lines = [f"+{phone(i)},Ana {i},{zones[i % len(zones)]}" for i in range(count)]
    return "\n".join(["phone,first,zone", *lines]).encode()


def started(store: Store, content: bytes, **others: object) -> Campaign:
    campaign = a_campaign(store, 0, **others)
    give_audience(store, campaign, content)
    assert control.start(store, read(store, campaign), "test", datetime.now(UTC)) == ""
    return read(store, campaign)


def posted(store: Store) -> Iterator[str]:
    for attempt in lanes(store).pump([], 1_000).attempts:
        yield attempt.body["to"].removeprefix("+")


def test_only_those_are_queued_in_whose_zone_it_is_day(store: Store) -> None:
    campaign = started(store, rows_of(30), quiet_hours=quiet_but_in("Etc/GMT"))

    assert expand(store, BODIES, campaign) == 10
    assert expand(store, BODIES, read(store, campaign)) == 0

    assert set(posted(store)) == {phone(i) for i in range(1, 30, 3)}
    assert cells(store, campaign) == {"waiting": 20, "attempting": 10}


def test_once_it_is_quiet_for_all_who_are_left_it_says_until_when(store: Store) -> None:
    campaign = started(store, rows_of(30), quiet_hours=quiet_but_in("Etc/GMT"))
    expand(store, BODIES, campaign)
    now = datetime.now(UTC)

    left = read(store, campaign).standing

    assert not decide_step(left, now).queues
    waiting = view_waiting(left, now)
    assert waiting
    assert waiting["reason"] == "quiet_hours"
    assert 9 * HOUR < waiting["until"] - now < 11 * HOUR
    # A worker looks at it every few minutes meanwhile.
    assert decide_step(replace(left, led_at=waiting["until"]), waiting["until"]).queues


def test_two_workers_that_expand_groups_at_once_queue_each_recipient_once(store: Store) -> None:
    zones = ("Etc/GMT", "Etc/GMT-1", "Etc/GMT+1")
    campaign = started(store, rows_of(90, zones), quiet_hours=quiet_but_in("Etc/GMT"))

    taken = [expand(store, BODIES, campaign) for _ in range(3)]

    assert sum(taken) == 90
    sent = list(posted(store))
    assert len(set(sent)) == len(sent) == 90


def test_an_expansion_that_is_repeated_writes_nothing_twice(store: Store) -> None:
    campaign = started(store, rows_of(6), quiet_hours=quiet_but_in("Etc/GMT"))
    expand(store, BODIES, campaign)
    list(posted(store))
    # As if the last write of the expansion had failed.
    store.redis.hset(campaign_key(NUMBER, campaign.id), "next:1", 0)

    expand(store, BODIES, read(store, campaign))

    assert list(posted(store)) == []


def test_the_first_batch_is_taken_from_the_zones_that_are_open(store: Store) -> None:
    campaign = started(store, rows_of(30), quiet_hours=quiet_but_in("Etc/GMT"), first={"size": 4})

    step = decide_step(campaign.standing, datetime.now(UTC))

    assert expand(store, BODIES, campaign, step.most) == 4
    assert read(store, campaign).next_recipient == 4


def test_an_audience_of_many_chunks_keeps_every_recipient_with_their_state(store: Store) -> None:
    campaign = started(store, rows_of(4_000), quiet_hours=quiet_but_in("Etc/GMT"), pace=100)

    taken = expand(store, BODIES, campaign)

    found = list(iter_recipients(store, BODIES, read(store, campaign)))
    assert sorted(member.phone for member, _ in found) == [phone(i) for i in range(4_000)]
    queued = {member.phone for member, state in found if state.cell == "queued"}
    assert 0 < taken == len(queued)
    assert queued <= {phone(i) for i in range(1, 4_000, 3)}


def test_a_cancelled_campaign_takes_back_what_it_queued_in_each_zone(store: Store) -> None:
    zones = ("Etc/GMT", "Etc/GMT-1")
    campaign = started(store, rows_of(20, zones), quiet_hours=quiet_but_in("Etc/GMT"))
    expand(store, BODIES, campaign, 15)

    assert control.cancel(store, campaign, "ana", "wrong list") == ""
    assert control.withdraw_queued(store, read(store, campaign)) == 15

    assert list(posted(store)) == []
    assert cells(store, campaign) == {"cancelled": 20}


def test_a_zone_that_there_is_not_leaves_its_row_out(store: Store) -> None:
    campaign = a_campaign(store, 0, quiet_hours={"from": "21:00", "to": "08:00"})

    reader = give_audience(store, campaign, rows_of(2, ("Europe/Lisbon", "Europe/Lisbonn")))

    assert read(store, campaign).funnel.skipped == {"zone": 1}
    assert "did you mean Europe/Lisbon?" in reader.problems[0].detail


def test_the_check_says_how_long_it_takes_with_the_nights(store: Store) -> None:
    campaign = a_campaign(store, 0, quiet_hours=quiet_but_in("Etc/GMT"))
    give_audience(store, campaign, rows_of(3))

    check = check_campaign(store, BODIES, read(store, campaign), INPUTS)

    assert 9 * HOUR < check.takes < 13 * HOUR
