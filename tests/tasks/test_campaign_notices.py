"""Notices of campaigns: one with one id, wherever the worker that gives it dies."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.campaigns.course import decide_step
from gateway.core.forwards.forward import forward_id
from gateway.core.sending.outcome import Outcome
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.maintenance import due_items
from gateway.store.monitoring.alert_store import active_alerts
from gateway.store.outgoing import notifications
from gateway.store.outgoing.forwards import oldest_forwards
from gateway.store.redis.client import Store
from gateway.store.tracing.traces import Traces
from tasks.campaigns import process
from tests.support.factories import NUMBER
from tests.support.store.campaigns import a_campaign, read
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, lanes
from tests.support.tasks.deaths import Deaths, deaths_of

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
ADMIN = "+351900000099"
STAFF = {"name": "over", "language": "en", "params": ["{{ campaign }}", "{{ phase }}"]}
ALL = {"post": True, "forward": "crm", "to": ADMIN, "template": STAFF}


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    return deaths_of(monkeypatch)


def posted(store: Store, step: Any = "accepted", most: int = 99) -> list[str]:
    """Post what may go, all with the same outcome; return to whom."""
    attempts = lanes(store).pump([], most).attempts
    error = "" if step == "accepted" else '{"code":132000}'
    lanes(store).pump(
        [Outcome(one.send, one.ordinal, step, error_json=error) for one in attempts], 0
    )
    return [str(one.body["to"]) for one in attempts]


def done(store: Store, **others: Any) -> Campaign:
    """Return a campaign whose recipients have all been written to."""
    campaign = a_campaign(store, 2, notify=ALL, **others)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    process.process_broadcast_campaign(campaign.id)
    assert len(posted(store)) == 2
    return campaign


def forwarded(store: Store) -> list[str]:
    """Return the ids of what waits for the receiver, each with its copy."""
    return [one.id for one in oldest_forwards(store, NUMBER, "crm", 1, 99) if one.copy]


def waiting(store: Store) -> list[bytes]:
    return list(raw(store).zrange(f"{PREFIX}notifications", 0, -1))


def test_its_end_is_an_alert_a_post_a_forward_and_a_message_to_a_phone(store: Store) -> None:
    campaign = done(store)

    assert process.mark_campaign_complete(campaign.id) == {"completed": True}

    (attempt,) = notifications.take(store, NUMBER, 9, WEEK).attempts
    assert attempt.id == read(store, campaign).noticed
    assert b'"campaign.completed"' in attempt.payload
    assert posted(store) == [ADMIN]
    assert forwarded(store) == [forward_id(attempt.id, "crm")]
    assert [one.cause.kind for one in active_alerts(store, now_ms(store)).values()] == [
        "campaign_completed"
    ]
    assert campaigns.list_active(store) == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_gives_it_neither_twice_nor_never(
    store: Store, deaths: Deaths, after: bool
) -> None:
    deaths.after, calls = after, 0
    while deaths.left < 0:
        store.redis.flushdb()
        campaign = done(store)
        deaths.left = calls
        for _ in range(3):
            deaths.insist(lambda: process.process_broadcast_campaign(campaign.id))  # noqa: B023
        assert len(waiting(store)) == 1, calls
        assert posted(store) == [ADMIN], calls
        assert len(forwarded(store)) == 1, calls
        assert campaigns.list_active(store) == [], calls
        calls += 1
    assert calls > 15


def test_each_pause_that_nobody_asked_for_is_reported_once(store: Store) -> None:
    campaign = a_campaign(store, 60, notify=ALL, stop={"failed": 10, "over": 10})
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    process.process_broadcast_campaign(campaign.id)
    posted(store, "dead", 59)
    for _ in range(3):
        process.process_broadcast_campaign(campaign.id)

    assert read(store, campaign).by == "stop_rule"
    assert posted(store) == [ADMIN]
    (first,) = waiting(store)
    assert control.resume(store, read(store, campaign), "ana", datetime.now(UTC)) == ""
    due_items.tick(store, [NUMBER])
    assert len(posted(store)) == 1
    for _ in range(2):
        process.process_broadcast_campaign(campaign.id)
    assert read(store, campaign).phase == "completed"
    assert len({first, *waiting(store)}) == 2


def test_a_worker_that_would_pause_it_too_late_leaves_the_pause_of_the_operator(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = a_campaign(store, 60, notify=ALL, stop={"failed": 10, "over": 10})
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    process.process_broadcast_campaign(campaign.id)
    posted(store, "dead", 59)

    def pause_first(*args: Any) -> Any:
        step = decide_step(*args)
        assert step.by == "stop_rule"
        assert control.pause(store, read(store, campaign), "ana", "a typo") == ""
        return step

    monkeypatch.setattr(process, "decide_step", pause_first)
    process.process_broadcast_campaign(campaign.id)
    monkeypatch.undo()
    process.process_broadcast_campaign(campaign.id)

    found = read(store, campaign)
    assert (found.phase, found.by, found.why) == ("paused", "ana", "a typo")
    assert (posted(store), waiting(store)) == ([], [])


def test_a_notice_that_was_received_long_ago_is_not_given_again(store: Store) -> None:
    campaign = a_campaign(store, 3, notify=ALL)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    control.pause(store, read(store, campaign), "stop_rule", "a test")
    process.process_broadcast_campaign(campaign.id)
    (id_,) = waiting(store)
    for name in ("notifications", "notifications_due", f"notification:{id_.decode()}"):
        raw(store).delete(f"{PREFIX}{name}")
    raw(store).delete(*raw(store).keys(f"{PREFIX}forward*"))

    process.process_broadcast_campaign(campaign.id)

    assert (waiting(store), forwarded(store)) == ([], [])


def test_a_notice_that_waits_can_be_looked_at(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    campaign = done(store)
    assert process.mark_campaign_complete(campaign.id) == {"completed": True}
    notice = read(store, campaign).noticed

    (trace,) = Traces(store, Bodies()).find_by_send(notice).traces

    assert [one.id for one in trace.notifications] == [notice]


def test_a_pause_by_hand_is_reported_to_nobody(store: Store) -> None:
    campaign = a_campaign(store, 3, notify=ALL)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    control.pause(store, read(store, campaign), "ana", "a typo")

    process.process_broadcast_campaign(campaign.id)

    assert waiting(store) == []
    assert posted(store) == []
