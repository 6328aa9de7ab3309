"""Outages beside campaigns: after hours without a worker an operator is asked, and may go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.campaigns.stored_definition import pack_definition
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key, server_ms
from gateway.store.monitoring.alert_store import active_alerts
from gateway.store.redis.client import Store
from tasks.campaigns import process
from tests.support.factories import NUMBER
from tests.support.store.campaigns import BODIES, a_campaign, cells, read
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, lanes

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
NOW = datetime.now(UTC)
HOUR_MS = 3_600_000
DAY = timedelta(days=1)


def started(store: Store, **others: Any) -> Campaign:
    campaign = a_campaign(store, 30, **{"pace": 5, **others})
    assert control.start(store, campaign, "test", NOW) == ""
    return read(store, campaign)


def work(store: Store, campaign: Campaign) -> Campaign:
    process.process_broadcast_campaign(campaign.id)
    return read(store, campaign)


def leave(store: Store, campaign: Campaign, for_ms: int) -> None:
    """Let no worker have come to a campaign for so long, as its row in a backup says as well."""
    key = campaign_key(NUMBER, campaign.id)
    for name in ("led", "at", "changed", "started", "finish_by"):
        if value := raw(store).hget(key, name):
            raw(store).hset(key, name, int(float(value)) - for_ms)


def end_at(store: Store, campaign: Campaign) -> datetime:
    end = read(store, campaign).definition.finish_by
    assert end
    return end


def test_a_campaign_that_was_left_for_hours_queues_nobody_before_an_operator_says_so(
    store: Store,
) -> None:
    campaign = started(store)
    queued = cells(store, work(store, campaign))["queued"]
    leave(store, campaign, 5 * HOUR_MS)

    found = work(store, campaign)

    assert (found.phase, found.by) == ("paused", "outage")
    assert cells(store, campaign) == {"queued": queued, "waiting": 30 - queued}
    assert lanes(store).pump([], 99).attempts == []
    work(store, campaign)
    assert [one.cause.kind for one in active_alerts(store, now_ms(store)).values()] == [
        "campaign_paused"
    ]
    assert control.resume(store, found, "ana", datetime.now(UTC)) == ""
    raw(store).hset(campaign_key(NUMBER, campaign.id), "tokens", 5)
    assert work(store, campaign).phase == "running"
    assert cells(store, campaign)["queued"] > queued


@pytest.mark.parametrize("age_ms", [0, 10 * 60_000])
def test_a_deploy_of_some_minutes_pauses_nothing(store: Store, age_ms: int) -> None:
    campaign = started(store)
    work(store, campaign)
    leave(store, campaign, age_ms)

    assert work(store, campaign).phase == "running"


def test_a_campaign_of_which_no_release_noted_that_a_worker_came_goes_on(store: Store) -> None:
    campaign = started(store)
    leave(store, campaign, 5 * HOUR_MS)
    raw(store).hdel(campaign_key(NUMBER, campaign.id), "led")

    assert work(store, campaign).phase == "running"
    led_at = read(store, campaign).led_at
    assert led_at
    assert led_at > NOW - timedelta(minutes=5)


def missed(store: Store, hours: int, **others: Any) -> Campaign:
    """Let a campaign be found so many hours after its start."""
    start_at = NOW + timedelta(hours=1)
    campaign = started(store, start_at=start_at.isoformat(), **others)
    given = campaign.definition if others else replace(campaign.definition, finish_by=None)
    late = replace(given, start_at=NOW - timedelta(hours=hours))
    key = campaign_key(NUMBER, campaign.id)
    raw(store).hset(key, "definition", BODIES.pack(pack_definition(late)))
    end = int(raw(store).hget(key, "finish_by"))
    raw(store).hset(key, "finish_by", end - (hours + 1) * HOUR_MS)
    return work(store, work(store, campaign))


@pytest.mark.parametrize("hours", [3, 30])
def test_a_start_that_was_missed_for_any_time_can_be_resumed_with_its_whole_time(
    store: Store, hours: int
) -> None:
    found = missed(store, hours)
    assert (found.phase, found.by) == ("paused", "missed_start")

    now = datetime.now(UTC)
    assert control.find_resume_obstacle(found, now, None) == ""
    assert control.resume(store, found, "ana", now) == ""

    assert end_at(store, found) > now + DAY - timedelta(minutes=1)
    assert cells(store, work(store, found)).get("queued")


def test_a_campaign_whose_end_has_passed_goes_on_with_another_only(store: Store) -> None:
    campaign = started(store, finish_by=(NOW + DAY).isoformat())
    work(store, campaign)
    assert control.pause(store, campaign, "ana", "a typo") == ""
    leave(store, campaign, 48 * HOUR_MS)
    found, now = read(store, campaign), datetime.now(UTC)

    assert "is over" in control.find_resume_obstacle(found, now, None)
    assert "not after" in control.find_resume_obstacle(found, now, now - DAY)
    assert control.find_resume_obstacle(found, now, now + DAY) == ""
    assert control.resume(store, found, "ana", now, now + DAY) == ""

    assert abs(end_at(store, campaign) - now - DAY) < timedelta(seconds=1)
    assert read(store, campaign).is_end_given


def test_what_was_queued_before_a_long_pause_goes_after_it(store: Store) -> None:
    campaign = started(store, pace=1_000)
    assert cells(store, work(store, campaign)) == {"queued": 30}
    assert control.pause(store, campaign, "ana", "a typo") == ""
    for name in raw(store).keys(f"{PREFIX}send:*"):
        raw(store).hset(name, "expires", server_ms(store) - 1)  # as the end that has passed
    paused = read(store, campaign)

    assert control.resume(store, paused, "ana", datetime.now(UTC)) == ""

    assert len(lanes(store).pump([], 99).attempts) == 30
