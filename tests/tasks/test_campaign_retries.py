"""Messages of a campaign that wait for another try: they hold up no others, up to a limit."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import RETRYING, find_recipients, iter_states
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.sending.send import FollowUp, StatusUpdate
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.view import view_campaign
from gateway.store.maintenance import due_items
from gateway.store.redis.client import Store
from tasks.campaigns import process
from tests.support.factories import NUMBER
from tests.support.store.campaigns import a_campaign, cells, read
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, commit_statuses, lanes

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
NOW = datetime.now(UTC)
ERROR = '{"code":134101}'


def started(store: Store, count: int, **others: Any) -> Campaign:
    campaign = a_campaign(store, count, **others)
    assert control.start(store, campaign, "ana", NOW) == ""
    return read(store, campaign)


def work(store: Store, campaign: Campaign) -> None:
    """Let a campaign take a step, as if it had earned its pace since the last one."""
    raw(store).hset(campaign_key(NUMBER, campaign.id), mapping={"at": 1, "ready_at": 1})
    process.process_broadcast_campaign(campaign.id)


def take(store: Store) -> list[Attempt]:
    ready = f"{PREFIX}ready:bulk"
    for lane in raw(store).zrange(ready, 0, -1):
        raw(store).zadd(ready, {lane: 1})
    return list(lanes(store).pump([], 99).attempts)


def settle(store: Store, attempts: Sequence[Attempt], step: Any, **others: Any) -> None:
    outcomes = [Outcome(one.send, one.ordinal, step, **others) for one in attempts]
    lanes(store).pump(outcomes, 0)


def put_off(store: Store, attempts: Sequence[Attempt]) -> None:
    settle(store, attempts, "later", wait_ms=600_000, error_json=ERROR)


def accept(store: Store, attempts: Sequence[Attempt]) -> None:
    for one in attempts:
        settle(store, [one], "accepted", wamid=f"wamid.{one.send}")


def waits_for(store: Store, campaign: Campaign) -> Any:
    found = view_campaign(read(store, campaign), NOW)["waiting_for"]
    return found and found["reason"]


def run_dry(store: Store, campaign: Campaign) -> int:
    """Let it queue all that it may, of which Meta accepts all; return how many were posted."""
    posted = idle = 0
    while idle < 3:  # the steps before and after the wait of a first batch queue nobody
        work(store, campaign)
        attempts = take(store)
        accept(store, attempts)
        posted, idle = posted + len(attempts), 0 if attempts else idle + 1
    return posted


def test_as_many_as_may_be_queued_hold_up_nobody_while_they_wait_for_another_try(
    store: Store,
) -> None:
    campaign = started(store, 100, pace=4)
    while (left := 10 - read(store, campaign).funnel.retrying) > 0:
        work(store, campaign)
        attempts = take(store)
        put_off(store, attempts[:left])
        accept(store, attempts[left:])

    posted = run_dry(store, campaign)

    assert read(store, campaign).funnel.retrying == 10
    assert cells(store, campaign)["queued"] == 10
    assert posted > 70
    assert "waiting" not in cells(store, campaign)
    assert waits_for(store, campaign) == "retries"


def test_a_first_batch_is_posted_though_one_of_it_waits_for_another_try(store: Store) -> None:
    campaign = started(store, 40, first={"size": 5, "wait": 0})
    work(store, campaign)
    first, *others = take(store)
    put_off(store, [first])
    accept(store, others)

    posted = run_dry(store, campaign)

    assert posted == 35
    assert cells(store, campaign) == {"queued": 1, "accepted": 39}


def test_a_first_batch_waits_for_its_half_and_says_so(store: Store) -> None:
    campaign = started(store, 40, first={"size": 5, "wait": 0})
    work(store, campaign)
    attempts = take(store)
    put_off(store, attempts[:3])
    accept(store, attempts[3:])

    assert run_dry(store, campaign) == 0

    assert waits_for(store, campaign) == "retries"


def test_those_who_wait_for_another_try_are_limited(store: Store) -> None:
    campaign = started(store, 300, pace=4)
    for _ in range(30):
        work(store, campaign)
        put_off(store, take(store))

    assert read(store, campaign).funnel.retrying == 110
    assert waits_for(store, campaign) == "retries"


def test_whoever_is_tried_again_counts_as_others_and_shows_no_code(store: Store) -> None:
    campaign = started(store, 3)
    work(store, campaign)
    first, second, third = take(store)
    put_off(store, [first])
    settle(store, [second], "pair", wait_ms=4_000, error_json=ERROR)
    settle(store, [third], "rests", wait_ms=1_000, error_json=ERROR)
    assert read(store, campaign).funnel.retrying == 2
    packed = raw(store).get(f"{campaign_key(NUMBER, campaign.id)}:recipients")
    assert [one.code for one in iter_states(packed)] == [0, 0, 0]
    assert [place for place, _ in find_recipients(packed, {"queued"})] == [0, 1, 2]
    assert RETRYING.to_bytes(3) in packed

    raw(store).zadd(f"{PREFIX}due", {first.send: 1})
    raw(store).hset(f"{PREFIX}tokens", "rest", 0)
    raw(store).delete(*raw(store).keys(f"{PREFIX}pair:*"))
    due_items.tick(store, [NUMBER])

    assert {one.send for one in take(store)} == {first.send, second.send, third.send}
    assert read(store, campaign).funnel.retrying == 0
    assert cells(store, campaign) == {"attempting": 3}


def test_a_message_that_a_status_failed_for_a_while_is_one_of_them(store: Store) -> None:
    campaign = started(store, 1)
    work(store, campaign)
    (attempt,) = take(store)
    accept(store, [attempt])

    failed = StatusUpdate(
        attempt.send, "1", f"wamid.{attempt.send}", "failed", NOW, {"code": 134101},
        follow_up=FollowUp("later", 600_000),
    )  # fmt: skip
    commit_statuses(store, failed)

    assert cells(store, campaign) == {"queued": 1}
    assert read(store, campaign).funnel.retrying == 1


def test_a_count_that_a_release_before_left_too_high_is_no_more_than_those_queued(
    store: Store,
) -> None:
    campaign = started(store, 4)
    raw(store).hset(campaign_key(NUMBER, campaign.id), "retrying", 7)

    assert read(store, campaign).funnel.retrying == 0
    assert run_dry(store, campaign) == 4
