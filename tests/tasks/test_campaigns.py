"""Campaigns at work: wherever those who lead one die, each recipient is written to once."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id, count_cells
from gateway.core.campaigns.stored_definition import pack_definition
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.campaigns import Campaign, campaign_key, list_campaigns
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.next_look import choose_due, leave_alone
from gateway.store.campaigns.reach import note_limit
from gateway.store.campaigns.uploads.repetition import find_obstacle, repeat_campaign
from gateway.store.campaigns.view import view_campaign
from gateway.store.maintenance import due_items
from gateway.store.monitoring.alert_store import active_alerts
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tasks.campaigns import process
from tasks.context import WorkerContext
from tasks.scheduled import jobs
from tests.support.factories import NUMBER
from tests.support.faults.elapsed_time import end_lane_waits
from tests.support.store.campaigns import (
    BODIES,
    a_campaign,
    a_definition,
    cells,
    csv_of,
    give_audience,
    read,
)
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, lanes
from tests.support.tasks.deaths import Deaths, deaths_of

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
NOW = datetime.now(UTC)
DAY_MS = 86_400_000


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    return deaths_of(monkeypatch)


def started(store: Store, count: int = 4, **others: Any) -> Campaign:
    campaign = a_campaign(store, count, **others)
    assert control.start(store, campaign, "test", NOW) == ""
    return read(store, campaign)


def work(campaign: Campaign, times: int = 1) -> None:
    """Do what the wake-ups of some ticks ask for."""
    for _ in range(times):
        process.process_broadcast_campaign(campaign.id)


def post(store: Store) -> list[Attempt]:
    """Post what may go; Meta accepts it."""
    attempts = list(lanes(store).pump([], 99).attempts)
    settled = [Outcome(one.send, one.ordinal, "accepted", wamid=one.send) for one in attempts]
    lanes(store).pump(settled, 0)
    return attempts


def sample(store: Store, campaign: Campaign) -> None:
    """Compare the funnel with the recipients that it counts."""
    key = campaign_key(NUMBER, campaign.id)
    found = read(store, campaign)
    counted = count_cells(raw(store).get(f"{key}:recipients"))
    if found.rest:
        counted[found.rest] += counted["waiting"]
        counted["waiting"] = 0
    assert found.funnel.cells == counted
    assert found.funnel.total == found.recipients


def alerts(store: Store) -> list[str]:
    return [one.cause.kind for one in active_alerts(store, now_ms(store)).values()]


def tick(store: Store) -> None:
    due_items.tick(store, [NUMBER])


@pytest.mark.parametrize("phase", ["scheduled", "running", "paused"])
def test_a_campaign_that_lasts_for_months_is_kept_with_its_audience(
    store: Store, phase: str
) -> None:
    start_at = (NOW + timedelta(days=50)).isoformat() if phase == "scheduled" else None
    campaign = started(store, start_at=start_at)
    if phase == "paused":
        control.pause(store, campaign, "ana", "a holiday")
    key = campaign_key(NUMBER, campaign.id)
    age(store, key, days=8)
    kept = {f"{key}{part}" for part in ("", ":log", ":recipients", f":chunk:{campaign.audience}:0")}
    assert lives_ms(store, kept) < DAY_MS

    work(campaign)

    assert lives_ms(store, kept) > 89 * DAY_MS
    age(store, key, days=0)
    work(campaign)
    assert lives_ms(store, kept) < DAY_MS  # it is done once a week


def age(store: Store, key: str, days: int) -> None:
    """Let a campaign be in its phase for some days, and its keys be about to expire."""
    if days:
        raw(store).hset(key, "changed", now_ms(store) - days * DAY_MS)
    for name in raw(store).keys(f"{key}*"):
        raw(store).pexpire(name, DAY_MS // 2)


def lives_ms(store: Store, names: set[str]) -> int:
    """Return for how long those keys live at least."""
    return min(int(raw(store).pttl(name)) for name in names)


def course(store: Store, campaign: Campaign) -> Iterator[Callable[[], object]]:
    """Yield what becomes of a campaign that an operator pauses in the middle, step by step."""
    yield lambda: control.start(store, campaign, "ana", NOW)
    yield lambda: work(campaign)
    yield lambda: control.pause(store, campaign, "ana", "a typo")
    yield lambda: work(campaign)
    yield lambda: control.resume(store, read(store, campaign), "ana", NOW)
    yield lambda: tick(store)
    yield lambda: work(campaign, 4)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_of_a_campaigns_course_loses_and_doubles_nobody(
    store: Store, deaths: Deaths, after: bool
) -> None:
    deaths.after, calls = after, 0
    while deaths.left < 0:
        store.redis.flushdb()
        campaign, posts = a_campaign(store, 3), Counter[str]()
        deaths.left = calls
        for step in course(store, campaign):
            deaths.insist(step)
            sample(store, campaign)
            posts += Counter(one.send for one in post(store))
        assert posts == Counter(campaign_send_id(campaign.id, i) for i in range(3)), calls
        assert read(store, campaign).phase == "completed", calls
        assert campaigns.list_active(store) == [], calls
        assert raw(store).hgetall(pauses.pauses_key(NUMBER)) == {}, calls
        calls += 1
    assert calls > 40


def early_end(store: Store, campaign: Campaign, by: str) -> Iterator[Callable[[], object]]:
    """Yield what becomes of a campaign that an operator or its finish_by ends, step by step."""
    yield lambda: control.start(store, campaign, "ana", NOW)
    yield lambda: work(campaign)
    if by == "cancelled":
        yield lambda: control.cancel(store, campaign, "ana", "the wrong list")
    else:
        raw(store).hset(campaign_key(NUMBER, campaign.id), "finish_by", now_ms(store) - 1)
    yield lambda: work(campaign, 4)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("phase", ["cancelled", "expired"])
def test_a_death_at_any_call_of_an_early_end_takes_back_all_and_doubles_nobody(
    store: Store, deaths: Deaths, phase: str, after: bool
) -> None:
    deaths.after, calls = after, 0
    while deaths.left < 0:
        store.redis.flushdb()
        campaign, posts = a_campaign(store, 3), Counter[str]()
        deaths.left = calls
        for i, step in enumerate(early_end(store, campaign, phase)):
            deaths.insist(step)
            sample(store, campaign)
            if i != 1:  # what was queued is not posted before the end
                posts += Counter(one.send for one in post(store))
        assert posts == {}, calls
        assert cells(store, campaign) == {phase: 3}, calls
        assert read(store, campaign).phase == phase, calls
        assert campaigns.list_active(store) == [], calls
        assert raw(store).hgetall(pauses.pauses_key(NUMBER)) == {}, calls
        calls += 1
    assert calls > 30


def test_a_death_between_the_list_of_campaigns_with_work_and_the_start_starts_nothing(
    store: Store,
) -> None:
    campaign = a_campaign(store)
    raw(store).hset(campaigns.ACTIVE, campaign.id, NUMBER)  # the first half of a start

    work(campaign, 2)

    assert (read(store, campaign).phase, cells(store, campaign)) == ("draft", {"waiting": 3})
    assert control.start(store, campaign, "ana", NOW) == ""
    work(campaign)
    assert len(post(store)) == 3


def test_a_pause_before_the_first_recipient_holds_all(store: Store) -> None:
    campaign = started(store)
    control.pause(store, campaign, "ana", "too early")

    work(campaign, 2)

    assert cells(store, campaign) == {"waiting": 4}
    assert post(store) == []


def test_a_pause_stops_what_is_queued_although_a_hundred_rules_are_held(store: Store) -> None:
    campaign = started(store)
    work(campaign)
    for i in range(100):
        pauses.hold(store, [NUMBER], f"rule {i}", "why")

    control.pause(store, campaign, "ana", "a typo")

    assert post(store) == []


def test_after_the_answer_of_a_pause_nobody_takes_any_more_of_it(store: Store) -> None:
    campaign = started(store, 40)
    work(campaign)
    taken = lanes(store).pump([], 5).attempts

    assert control.pause(store, campaign, "ana", "a typo") == ""

    for _ in range(3):
        work(campaign)
        tick(store)
        assert lanes(store).pump([], 99).attempts == []
    lanes(store).pump([Outcome(one.send, 1, "accepted", wamid=one.send) for one in taken], 0)
    assert post(store) == []
    assert cells(store, campaign) == {"accepted": 5, "queued": 35}


def test_a_cancelled_campaign_takes_back_what_was_refused_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "STATES_AT_ONCE", 1)
    campaign = started(store)
    work(campaign)
    later, refused, _, _ = lanes(store).pump([], 99).attempts
    waits = [Outcome(later.send, 1, "later", wait_ms=90_000, error_json="{}"),
             Outcome(refused.send, 1, "later", wait_ms=10, error_json="{}")]  # fmt: skip
    lanes(store).pump(waits, 0)
    control.cancel(store, campaign, "ana", "the wrong list")

    work(campaign)

    assert cells(store, campaign) == {"attempting": 2, "cancelled": 2}
    assert post(store) == []


def test_what_was_taken_when_a_campaign_was_cancelled_is_not_posted_after_a_refusal(
    store: Store,
) -> None:
    campaign = started(store, 1)
    work(campaign)
    (attempt,) = lanes(store).pump([], 99).attempts
    control.cancel(store, campaign, "ana", "the wrong list")
    work(campaign)

    refused = Outcome(attempt.send, 1, "later", wait_ms=0, error_json="{}")
    lanes(store).pump([refused], 0)

    assert post(store) == []
    work(campaign, 2)
    assert cells(store, campaign) == {"cancelled": 1}
    assert campaigns.list_active(store) == []


def test_an_expired_campaign_posts_nothing_that_is_queued(store: Store) -> None:
    campaign = started(store)
    work(campaign)
    key = campaign_key(NUMBER, campaign.id)
    raw(store).hset(key, "finish_by", campaigns.server_ms(store) - 1)

    work(campaign)

    assert post(store) == []
    work(campaign)
    assert (read(store, campaign).phase, cells(store, campaign)) == ("expired", {"expired": 4})


def test_all_who_were_not_written_to_by_finish_by_can_be_written_to_once_more(store: Store) -> None:
    campaign = started(store, 20, pace=5)  # ten are queued at once, two seconds ahead of the pace
    raw(store).hset(campaign_key(NUMBER, campaign.id), "tokens", 100)
    work(campaign)
    queued = cells(store, campaign)["queued"]
    assert 0 < queued < 20
    raw(store).hset(campaign_key(NUMBER, campaign.id), "finish_by", campaigns.server_ms(store) - 1)
    work(campaign)
    assert "wait until" in find_obstacle(read(store, campaign), "expired", ())

    work(campaign)

    sample(store, campaign)
    assert cells(store, campaign) == {"expired": 20}
    assert find_obstacle(read(store, campaign), "expired", ()) == ""
    again = repeat_campaign(store, BODIES, read(store, campaign), "expired")
    assert read(store, again).recipients == 20


def test_those_of_a_campaign_that_was_cancelled_can_be_written_to_after_all(store: Store) -> None:
    campaign = started(store, 5)
    work(campaign)
    posted = lanes(store).pump([], 2).attempts
    control.cancel(store, campaign, "ana", "the wrong list")
    lanes(store).pump([Outcome(one.send, 1, "accepted", wamid=one.send) for one in posted], 0)
    work(campaign)
    assert cells(store, campaign) == {"accepted": 2, "cancelled": 3}

    again = repeat_campaign(store, BODIES, read(store, campaign), "cancelled")

    assert control.start(store, read(store, again), "ana", NOW) == ""
    work(read(store, again))
    assert cells(store, read(store, again)) == {"queued": 3}


def test_a_template_that_stops_holds_a_campaign_up_and_ends_nobody(store: Store) -> None:
    campaign = started(store)
    work(campaign)
    stopped = [
        Outcome(one.send, one.ordinal, "stopped", error_json='{"template":"spring en"}')
        for one in lanes(store).pump([], 99).attempts
    ]
    lanes(store).pump(stopped, 0)
    work(campaign, 2)
    sample(store, campaign)
    assert cells(store, campaign) == {"queued": 4}
    assert (read(store, campaign).phase, post(store)) == ("running", [])

    store.call("resume_template", PREFIX, "spring en", 100)

    assert len(post(store)) == 4
    work(campaign, 2)
    assert (read(store, campaign).phase, cells(store, campaign)) == ("completed", {"accepted": 4})


def test_a_number_that_is_paused_holds_its_campaigns_up_and_no_other(store: Store) -> None:
    campaign = started(store)
    pauses.pause(store, [NUMBER], "{}", 300_000)
    work(campaign)
    assert post(store) == []
    assert cells(store, campaign) == {"queued": 4}

    pauses.probe_now(store, [NUMBER], None)

    posted = post(store)  # a probe
    assert len(posted) == 1
    assert len(posted + post(store)) == 4
    work(campaign, 2)
    assert read(store, campaign).phase == "completed"


def test_five_campaigns_at_once_write_to_each_recipient_once(store: Store) -> None:
    five = [started(store, 20) for _ in range(5)]
    posts = Counter[str]()
    for _ in range(4):
        for one in five:
            work(one)
            sample(store, one)
        posts += Counter(attempt.send for attempt in post(store))

    # A contact gets one message after the other, whichever campaign it is of.
    while more := post(store):
        posts += Counter(attempt.send for attempt in more)
    for one in five:
        work(one, 2)
    sends = [campaign_send_id(one.id, i) for one in five for i in range(20)]
    assert posts == Counter(sends)
    assert {read(store, one).phase for one in five} == {"completed"}


def test_a_start_that_was_missed_by_hours_waits_for_the_operator(store: Store) -> None:
    campaign = a_campaign(store, start_at=(NOW + timedelta(hours=1)).isoformat())
    control.start(store, campaign, "ana", NOW)
    assert read(store, campaign).phase == "scheduled"
    late = read(store, campaign).definition
    late = replace(late, start_at=NOW - timedelta(hours=3))
    raw(store).hset(
        campaign_key(NUMBER, campaign.id), "definition", BODIES.pack(pack_definition(late))
    )

    work(campaign, 2)

    found = read(store, campaign)
    assert (found.phase, found.by) == ("paused", "missed_start")
    assert alerts(store) == ["campaign_paused"]
    control.resume(store, found, "ana", NOW)
    work(campaign)
    assert len(post(store)) == 3


def test_recipients_whose_chunk_is_lost_fail_and_the_others_get_the_message(store: Store) -> None:
    campaign = started(store, 1_003)
    raw(store).delete(f"{campaign_key(NUMBER, campaign.id)}:chunk:{campaign.audience}:0")

    for _ in range(4):
        work(campaign)
        sample(store, campaign)

    # That so many fail is a reason to stop, which the operator is told.
    found = read(store, campaign)
    assert (found.phase, found.by) == ("paused", "stop_rule")
    assert found.funnel.codes == {0: found.funnel.cells["failed"]}
    assert found.funnel.cells["failed"] >= 1_000


def test_a_campaign_of_another_key_stands_still_and_hides_no_other(
    at_work: WorkerContext, store: Store
) -> None:
    sealed = Bodies([bytes(32)])
    id_ = create_campaign(store, sealed, NUMBER, a_definition())
    raw(store).hset(campaigns.ACTIVE, id_, NUMBER)
    campaign = started(store)

    jobs.run_tick(at_work)
    assert process.process_broadcast_campaign(id_) == {"queued": 0}
    assert process.mark_campaign_complete(id_) == {"completed": False}
    work(campaign)

    assert len(post(store)) == 3 + 1
    assert [one.id for one in campaigns.list_campaigns(store, BODIES)] == [campaign.id]
    (alert,) = active_alerts(store, now_ms(store)).values()
    assert (alert.cause.kind, alert.cause.detail) == ("campaign_unreadable", id_)


def test_a_row_that_is_damaged_is_a_record_that_cannot_be_read(store: Store) -> None:
    campaign = started(store)
    raw(store).hset(campaign_key(NUMBER, campaign.id), "created", "yesterday")

    assert process.process_broadcast_campaign(campaign.id) == {"queued": 0}

    assert alerts(store) == ["campaign_unreadable"]


@pytest.mark.parametrize("part", ["", ":recipients", ":chunk:{audience}:0"])
def test_a_campaign_with_a_key_of_another_type_stands_still_and_no_other(
    store: Store, part: str
) -> None:
    damaged, other = started(store), started(store)
    number_list.add_number(store, NUMBER)
    note_limit(store, NUMBER, "TIER_2K")
    key = campaign_key(NUMBER, damaged.id) + part.format(audience=damaged.audience)
    raw(store).delete(key)
    raw(store).lpush(key, "no such thing")

    assert process.process_broadcast_campaign(damaged.id) == {"queued": 0}
    assert process.process_broadcast_campaign(other.id) == {"queued": 4}

    assert alerts(store) == ["campaign_unreadable"]
    assert other.id in [one.id for one in list_campaigns(store, BODIES)]
    assert process.mark_campaign_complete(damaged.id) == {"completed": False}


def test_a_tick_wakes_only_for_campaigns_for_which_something_may_be_due(
    store: Store, at_work: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(process, "ring_campaign", lambda _, id_: woken.append(id_))
    running, scheduled = (
        started(store),
        started(store, start_at=(NOW + timedelta(hours=1)).isoformat()),
    )
    paused = started(store)
    assert control.pause(store, paused, "ana", "a typo") == ""
    process.wake_for_campaigns(at_work)
    assert sorted(woken) == sorted(one.id for one in (running, scheduled, paused))
    for one in (running, scheduled, paused):
        work(one)
    woken.clear()

    process.wake_for_campaigns(at_work)
    assert woken == [running.id]
    assert control.resume(store, read(store, paused), "ana", NOW) == ""
    process.wake_for_campaigns(at_work)

    assert sorted(woken[1:]) == sorted([running.id, paused.id])


def test_a_draft_that_could_not_be_paused_wakes_a_worker_once_a_minute_until_it_starts(
    store: Store, at_work: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(process, "ring_campaign", lambda _, id_: woken.append(id_))
    draft = a_campaign(store, 4, finish_by=(NOW + timedelta(days=1)).isoformat())
    assert control.pause(store, draft, "ana", "too early") == "draft"
    work(draft)

    process.wake_for_campaigns(at_work)
    assert woken == []
    assert control.start(store, draft, "ana", NOW) == ""
    process.wake_for_campaigns(at_work)

    assert woken == [draft.id]


def test_a_campaign_that_is_changed_while_it_is_looked_at_is_looked_at_again(
    store: Store, at_work: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = started(store)
    assert control.pause(store, campaign, "ana", "a typo") == ""

    def resume_first(*args: Any) -> None:
        assert control.resume(store, read(store, campaign), "ana", NOW) == ""
        leave_alone(*args)

    monkeypatch.setattr(process, "leave_alone", resume_first)
    work(campaign)

    assert choose_due(store, [campaign.id], datetime.now(UTC)) == [campaign.id]


def test_a_sender_that_is_frozen_past_its_lease_comes_back_and_doubles_nobody(
    store: Store,
) -> None:
    campaign = started(store, 2)
    work(campaign)
    frozen = lanes(store).pump([], 99).attempts
    end_lane_waits(store.redis)

    assert lanes(store).pump([], 99).attempts == []
    sample(store, campaign)
    assert cells(store, campaign) == {"unconfirmed": 2}
    lanes(store).pump([Outcome(one.send, 1, "accepted", wamid=one.send) for one in frozen], 0)
    sample(store, campaign)
    work(campaign, 2)

    assert (read(store, campaign).phase, cells(store, campaign)) == ("completed", {"accepted": 2})


def test_a_number_that_is_paused_is_what_its_campaigns_wait_for(store: Store) -> None:
    five = [a_campaign(store, 0) for _ in range(5)]
    for i, campaign in enumerate(five):
        give_audience(store, campaign, csv_of(3, 10 * i))
        control.start(store, read(store, campaign), "test", NOW)
        work(campaign)
    refusal = '{"code":131042,"reason":"no payment"}'
    refused = lanes(store).pump([], 99).attempts
    assert len(refused) == 15
    lanes(store).pump(
        [Outcome(one.send, 1, "paused", wait_ms=30_000, error_json=refusal) for one in refused], 0
    )

    assert post(store) == []
    for campaign in five:
        sample(store, campaign)
        waiting = view_campaign(read(store, campaign), NOW)["waiting_for"]
        assert waiting == {"reason": "number_paused", "until": None}
    raw(store).hset(f"{PREFIX}stops", "probe_at", 1)
    posts = [*post(store), *post(store)]
    for campaign in five:
        work(campaign)
        sample(store, campaign)
        assert read(store, campaign).phase == "completed"
    assert Counter(one.send for one in posts) == Counter(one.send for one in refused)
