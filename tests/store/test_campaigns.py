"""Campaigns: every recipient is written to once, and is in one cell of the funnel at any moment."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.campaigns.course import Phase
from gateway.core.campaigns.recipient_state import MOST_CODE, campaign_send_id, count_cells
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.sending.send import StatusUpdate
from gateway.core.tables.phone_cells import TableError
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import iter_recipients, read_states
from gateway.store.campaigns.campaigns import Campaign, campaign_key, change_phase, list_campaigns
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.uploads.audience_writer import AudienceRefusedError
from gateway.store.campaigns.view import view_campaign
from gateway.store.erasure.eraser import Eraser
from gateway.store.redis.client import Store
from gateway.store.sending.pauses import pauses_by_number
from gateway.store.templates.waiting_sends import resume_sends
from tests.support.factories import NUMBER
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
from tests.support.store.compacted_sends import compact
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, a_send, commit_statuses, lanes, queue

pytestmark = pytest.mark.store
NOW = datetime.now(UTC)


def started(store: Store, count: int = 3, **others: Any) -> Campaign:
    campaign = a_campaign(store, count, **others)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    return read(store, campaign)


def queue_all(store: Store, campaign: Campaign, up_to: int = 0) -> int:
    return expand(store, BODIES, read(store, campaign), up_to)


def take(store: Store, most: int = 100) -> list[Attempt]:
    return list(lanes(store).pump([], most).attempts)


def settle(store: Store, attempt: Attempt, step: Any, **others: Any) -> None:
    lanes(store).pump([Outcome(attempt.send, attempt.ordinal, step, **others)], 0)


def test_each_recipient_gets_the_message_with_the_values_of_their_row(store: Store) -> None:
    campaign = started(store, 2)

    assert queue_all(store, campaign) == 2

    attempts = take(store)
    assert [one.body["to"] for one in attempts] == [f"+{phone(0)}", f"+{phone(1)}"]
    texts = [one.body["template"]["components"][0]["parameters"][0]["text"] for one in attempts]
    assert texts == ["Ana 0", "Ana 1"]
    assert {one.priority for one in attempts} == {"bulk"}


def test_the_funnel_follows_each_send(store: Store) -> None:
    campaign = started(store, 4)
    assert cells(store, campaign) == {"waiting": 4}
    queue_all(store, campaign)
    assert cells(store, campaign) == {"queued": 4}
    first, second, third, _ = take(store)
    assert cells(store, campaign) == {"attempting": 4}

    settle(store, first, "accepted", wamid="wamid.1")
    settle(store, second, "dead", error_json='{"code":131026}')
    settle(store, third, "unconfirmed", wait_ms=10**13)

    assert cells(store, campaign) == {
        "accepted": 1, "failed": 1, "unconfirmed": 1, "attempting": 1
    }  # fmt: skip
    assert read(store, campaign).funnel.codes == {131026: 1}
    commit_statuses(store, StatusUpdate(first.send, "1", "wamid.1", "delivered", NOW))
    assert cells(store, campaign)["delivered"] == 1


def test_a_status_reaches_the_recipient_when_the_row_of_the_send_is_gone(store: Store) -> None:
    campaign = started(store, 1)
    queue_all(store, campaign)
    (attempt,) = take(store)
    settle(store, attempt, "accepted", wamid="wamid.1")
    store.redis.delete(f"{PREFIX}send:{attempt.send}", f"{PREFIX}wamid:wamid.1")

    commit_statuses(store, StatusUpdate(attempt.send, "1", "wamid.1", "read", NOW))
    commit_statuses(store, StatusUpdate(attempt.send, "1", "wamid.1", "delivered", NOW))

    assert cells(store, campaign) == {"read": 1}


@pytest.mark.parametrize("is_marketing", [True, False])
def test_a_campaign_says_of_its_messages_whether_they_are_marketing(
    store: Store, is_marketing: bool
) -> None:
    queue_all(store, started(store, 1, marketing=is_marketing))
    queue(store, a_send("other", phone(2), priority="bulk"))

    ours, other = sorted(take(store), key=lambda one: one.send)

    assert (ours.marketing, other.marketing) == (is_marketing, None)


@pytest.mark.parametrize("code", [MOST_CODE + 1, 10**18])
def test_a_code_that_is_none_of_metas_leaves_the_campaign_readable(store: Store, code: int) -> None:
    campaign = started(store, 2)
    queue_all(store, campaign)
    first, second = take(store)

    settle(store, first, "dropped", error_json=f'{{"code":{code}}}')
    settle(store, second, "dropped", error_json=f'{{"code":{MOST_CODE}}}')

    funnel = read(store, campaign).funnel
    assert (funnel.of("failed"), funnel.codes) == (2, {0: 1, MOST_CODE: 1})
    assert [one.code for one in read_states(store, campaign, 0, 2)] == [0, MOST_CODE]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_message_that_was_delivered_after_its_failure_is_delivered(
    store: Store, is_compacted: bool
) -> None:
    campaign = started(store, 1)
    queue_all(store, campaign)
    (attempt,) = take(store)
    settle(store, attempt, "accepted", wamid="wamid.1")
    failed, delivered = (
        StatusUpdate(attempt.send, "1", "wamid.1", stage, NOW, error)
        for stage, error in (("failed", {"code": 131049}), ("delivered", None))
    )
    commit_statuses(store, failed)
    assert cells(store, campaign) == {"failed": 1}
    if is_compacted:
        assert compact(store) == 1

    commit_statuses(store, delivered)

    assert cells(store, campaign) == {"delivered": 1}
    assert read(store, campaign).funnel.codes == {}


def test_two_workers_that_expand_at_once_queue_each_recipient_once(store: Store) -> None:
    campaign = started(store, 80)

    stale = read(store, campaign)
    taken = [expand(store, BODIES, stale, 0), expand(store, BODIES, stale)]

    assert sum(taken) == 80
    attempts = take(store)
    assert len({one.send for one in attempts}) == len(attempts) == 80


def test_recipients_become_ready_one_after_the_other_at_the_campaigns_pace(store: Store) -> None:
    campaign = started(store, 100, pace=100)

    assert queue_all(store, campaign) == 100

    ready = raw(store).zrange(f"{PREFIX}ready:bulk", 0, -1, withscores=True)
    since = [at - ready[0][1] for _, at in ready]
    assert len(since) == 100
    assert 10 <= sum(one < 10 for one in since) < 20  # a tenth of a second's worth, at once
    assert 590 <= since[-1] < 20_000  # in four scripts, and a busy machine stands still between two


def test_an_expansion_that_is_repeated_writes_nothing_twice(store: Store) -> None:
    campaign = started(store, 2)
    queue_all(store, campaign)
    (first, second) = take(store)
    settle(store, first, "accepted", wamid="wamid.1")
    # As if the last write of the expansion had failed.
    store.redis.hset(campaign_key(NUMBER, campaign.id), "next", 0)

    queue_all(store, campaign)

    assert take(store) == []
    assert cells(store, campaign) == {"accepted": 1, "attempting": 1}
    settle(store, second, "accepted", wamid="wamid.2")
    assert cells(store, campaign) == {"accepted": 2}


def test_only_a_few_seconds_worth_is_queued_ahead(store: Store) -> None:
    began = time.monotonic()
    campaign = started(store, 200, pace=10)

    queued = queue_all(store, campaign) + queue_all(store, campaign)

    assert queued <= 20 + 10 * (time.monotonic() - began)


def test_a_pause_stops_what_is_queued_and_a_resume_lets_it_go(store: Store) -> None:
    campaign = started(store, 3)
    queue_all(store, campaign, 2)

    assert control.pause(store, campaign, "ana", "a typo") == ""

    assert take(store) == []
    assert queue_all(store, campaign) == 0
    paused = read(store, campaign)
    assert (paused.phase, paused.by, paused.why) == ("paused", "ana", "a typo")
    assert control.resume(store, paused, "ana", NOW) == ""
    lanes_after = queue_all(store, campaign)
    assert lanes_after == 1


def test_a_campaign_whose_template_is_stopped_says_why_it_stands_still(store: Store) -> None:
    campaign = started(store, 2)
    queue_all(store, campaign)
    assert view_campaign(read(store, campaign), NOW)["waiting_for"] is None

    settle(store, take(store, 1)[0], "stopped", error_json='{"template":"spring en"}')

    stopped = read(store, campaign)
    assert view_campaign(stopped, NOW)["waiting_for"] == {"reason": "template", "until": None}
    assert list_campaigns(store, BODIES) == [stopped]
    resume_sends(store, NUMBER, "spring en")
    assert view_campaign(read(store, campaign), NOW)["waiting_for"] is None


def test_a_cancelled_campaign_posts_nothing_more(store: Store) -> None:
    campaign = started(store, 5)
    queue_all(store, campaign, 3)
    (attempt, *_) = take(store, 1)

    assert control.cancel(store, campaign, "ana", "wrong list") == ""
    control.withdraw_queued(store, read(store, campaign))

    assert take(store) == []
    settle(store, attempt, "accepted", wamid="wamid.1")
    assert cells(store, campaign) == {"accepted": 1, "cancelled": 4}
    found = [state.cell for _, state in iter_recipients(store, BODIES, read(store, campaign))]
    assert found == ["accepted", *["cancelled"] * 4]


def test_what_is_cancelled_where_nothing_is_queued_holds_nothing(store: Store) -> None:
    draft, ended = a_campaign(store), started(store)
    assert control.cancel(store, ended, "ana", "wrong list") == ""
    assert control.withdraw_queued(store, read(store, ended)) == 0
    assert control.cancel(store, read(store, ended), "ana", "once more") == ""

    assert control.cancel(store, draft, "ana", "not yet") == ""

    assert pauses_by_number(store, [NUMBER])[NUMBER].holds == ()


def test_a_campaign_that_is_paused_before_its_start_waits_for_it_again(store: Store) -> None:
    campaign = started(store, start_at=(NOW + timedelta(hours=1)).isoformat())
    assert control.pause(store, campaign, "ana", "a look") == ""

    assert control.resume(store, read(store, campaign), "ana", NOW) == ""
    assert control.resume(store, read(store, campaign), "ana", NOW) == ""

    resumed = read(store, campaign)
    assert (resumed.phase, resumed.started_at) == ("scheduled", None)
    assert control.pause(store, resumed, "ana", "a look") == ""
    late = read(store, campaign)
    assert control.resume(store, late, "ana", NOW + timedelta(hours=2)) == ""
    assert read(store, campaign).phase == "running"


def test_a_second_start_finds_it_running(store: Store) -> None:
    campaign = started(store)

    assert control.start(store, campaign, "test", NOW) == ""
    assert control.cancel(store, campaign, "test", "") == ""
    assert control.start(store, campaign, "test", NOW) == "cancelled"


def test_an_audience_counts_whole_or_not_at_all(store: Store) -> None:
    campaign = a_campaign(store, 3)

    with pytest.raises(TableError, match="line 2502"):
        give_audience(store, campaign, csv_of(2_500) + b'\n"cut')

    kept = read(store, campaign)
    assert (kept.recipients, kept.funnel.cells["waiting"]) == (3, 3)
    assert [one.phone for one, _ in iter_recipients(store, BODIES, kept)] == [
        phone(i) for i in range(3)
    ]
    chunks = [key for key in store.redis.keys(f"{PREFIX}campaign:*") if b":chunk:" in key]
    assert len(chunks) == 1


def test_a_check_says_nothing_of_an_audience_that_came_meanwhile(store: Store) -> None:
    campaign = a_campaign(store, 3)

    def swap(_: int) -> None:
        give_audience(store, campaign, csv_of(9))

    check_campaign(store, BODIES, campaign, INPUTS, swap)

    assert read(store, campaign).checked_at is None


def test_a_start_is_of_the_audience_that_was_checked(store: Store) -> None:
    campaign = a_campaign(store, 3)
    give_audience(store, campaign, csv_of(9))

    assert "another audience" in control.start(store, campaign, "test", NOW)
    assert read(store, campaign).phase == "draft"
    assert control.start(store, read(store, campaign), "test", NOW) == ""


def test_a_campaign_that_runs_keeps_its_audience(store: Store) -> None:
    campaign = started(store)

    with pytest.raises(AudienceRefusedError, match="running"):
        give_audience(store, campaign, csv_of(9))


def test_a_customer_who_is_erased_leaves_no_row_and_is_not_written_to(store: Store) -> None:
    campaign = started(store, 4)
    queue_all(store, campaign, 2)

    for i in (0, 3):
        eraser = Eraser(store, BODIES, WEEK)
        eraser.begin(phone(i), None)
        eraser.run(10)

    queue_all(store, campaign)
    assert cells(store, campaign) == {"queued": 2, "cancelled": 2}
    assert [one.body["to"] for one in take(store)] == [f"+{phone(1)}", f"+{phone(2)}"]
    listed = [one.phone for one, _ in iter_recipients(store, BODIES, read(store, campaign))]
    assert listed == ["", phone(1), phone(2), ""]
    reached = store.redis.hvals(f"{campaign_key(NUMBER, campaign.id)}:by_contact:0")
    assert sorted(one[2] for one in reached) == [1, 2]


def test_a_check_counts_nobody_who_was_erased(store: Store) -> None:
    template = {"name": "spring", "language": "en"}
    campaign = a_campaign(store, 3, template=template)
    eraser = Eraser(store, BODIES, WEEK)
    eraser.begin(phone(0), None)
    eraser.run(10)

    check = check_campaign(store, BODIES, read(store, campaign), INPUTS)

    assert (check.recipients, check.would_get, check.outreach) == (2, 2, 2)
    assert check.cost.countries == {"PT": 2}


def test_a_phone_that_is_erased_gets_no_notice(store: Store) -> None:
    template = {"name": "over", "language": "en"}
    campaign = a_campaign(store, 1, notify={"to": f"+{phone(9)}", "template": template})

    eraser = Eraser(store, BODIES, WEEK)
    eraser.begin(phone(9), None)
    eraser.run(10)

    definition = read(store, campaign).definition
    assert (definition.notice.to, definition.name) == ("", "spring")


def test_those_left_out_are_in_the_funnel_by_cause(store: Store) -> None:
    campaign = a_campaign(store, 0)
    content = csv_of(2) + f"\n+{phone(0)},Again\n12,No\n,Nobody\n+{phone(9)},\n".encode()

    reader = give_audience(store, campaign, content)

    assert read(store, campaign).funnel.skipped == {
        "duplicate": 1, "invalid": 1, "empty": 1, "missing": 1
    }  # fmt: skip
    assert [(one.line, one.cause) for one in reader.problems] == [
        (4, "duplicate"), (5, "invalid"), (6, "empty"), (7, "missing")
    ]  # fmt: skip
    assert read(store, campaign).funnel.total == 6


def expire(store: Store, campaign: Campaign, _: int) -> None:
    within: tuple[Phase, ...] = ("running", "paused")
    change_phase(store, campaign, within, "expired", "finish_by", "over")


def erase(store: Store, _: Campaign, i: int) -> None:
    eraser = Eraser(store, BODIES, WEEK)
    eraser.run(budget_s=60, only=eraser.begin(phone(i), None).id)


def lose_audience(store: Store, campaign: Campaign, i: int) -> None:
    if i == 0:
        raw(store).delete(f"{campaign_key(NUMBER, campaign.id)}:chunk:{campaign.audience}:0")


# What an operator, the clock and a damaged server do to a campaign.
ACTS: Mapping[str, Callable[[Store, Campaign, int], object]] = {
    "pause": lambda store, campaign, _: control.pause(store, campaign, "ana", "a typo"),
    "resume": lambda store, campaign, _: control.resume(store, campaign, "ana", NOW),
    "cancel": lambda store, campaign, _: control.cancel(store, campaign, "ana", "the wrong list"),
    "withdraw": lambda store, campaign, _: control.withdraw_queued(store, campaign),
    "expire": expire,
    "erase": erase,
    "lose": lose_audience,
}
STEPS = ("expand", "take", "accepted", "dead", "unconfirmed", "delivered", "failed", "read", *ACTS)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(STEPS),
            st.integers(0, 9),
        ),
        max_size=40,
    )
)
def test_the_funnel_is_always_the_count_of_the_recipients(
    store: Store, steps: list[tuple[str, int]]
) -> None:
    store.redis.flushdb()
    campaign = started(store, 10)
    attempts: list[Attempt] = []
    for step, i in steps:
        attempt = attempts[i] if i < len(attempts) else None
        if step in ACTS:
            ACTS[step](store, read(store, campaign), i)
        elif step == "expand":
            queue_all(store, campaign, i)
        elif step == "take":
            attempts += take(store, i + 1)
        elif attempt and step in ("delivered", "failed", "read"):
            wamid = f"wamid.{attempt.send}"
            commit_statuses(store, StatusUpdate(attempt.send, "1", wamid, step, NOW, {"code": 1}))
        elif attempt:
            settle(store, attempt, step, wamid=f"wamid.{attempt.send}", wait_ms=10**13)
        packed: Any = store.redis.get(f"{campaign_key(NUMBER, campaign.id)}:recipients")
        found, counted = read(store, campaign), count_cells(packed)
        if found.rest:
            counted[found.rest] += counted["waiting"]
            counted["waiting"] = 0
        funnel = found.funnel
        assert funnel.cells == counted
        assert funnel.total == 10
        assert sum(funnel.codes.values()) == funnel.cells["failed"]
    posted = [one.send for one in attempts]
    assert len(posted) == len(set(posted))
    assert set(posted) <= {campaign_send_id(campaign.id, i) for i in range(10)}


def test_states_are_read_from_any_recipient_on(store: Store) -> None:
    campaign = started(store, 5)
    queue_all(store, campaign, 2)

    assert [one.cell for one in read_states(store, campaign, 1, 3)] == [
        "queued", "waiting", "waiting"
    ]  # fmt: skip
