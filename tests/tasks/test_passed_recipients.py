"""Recipients to whom nothing is posted: they cost no pace, and count as not written to."""

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.core.campaigns.definition import Definition, read_definition
from gateway.core.campaigns.stop_rules import find_stop_reason
from gateway.core.sending.outcome import Outcome
from gateway.store import number_list
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.lua.constants import UNREACHABLE_BUCKETS
from gateway.store.monitoring.alert_store import active_alerts
from gateway.store.redis.client import Store
from tasks import outbound
from tasks.campaigns import process
from tasks.context import WorkerContext
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
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, lanes
from tests.support.tasks.fake_graph import Meta

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
LONG_S = 600.0


def lose(store: Store, first: int, end: int) -> None:
    """Let Meta have found nobody of some phones."""
    pipe = raw(store).pipeline(transaction=False)
    pipe.set(f"{PREFIX}unreachable", 1)
    for i in range(first, end):
        digest = hashlib.sha1(phone(i).encode(), usedforsecurity=False).digest()
        bucket = int.from_bytes(digest[:4], "big") % UNREACHABLE_BUCKETS
        since = struct.pack(">I", now_ms(store) // 1000)
        pipe.hset(f"{PREFIX}unreachable:{bucket}", digest[4:10], since)
    pipe.execute()


def started(store: Store, count: int, lost: int, **others: Any) -> Campaign:
    """Start a campaign whose first recipients are unreachable, and left out."""
    lose(store, 0, lost)
    campaign = a_campaign(store, count, skip_unreachable=True, **others)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    return read(store, campaign)


def post(store: Store, most: int = 99) -> int:
    """Let Meta accept what waits; return how many that were."""
    attempts = list(lanes(store).pump([], most).attempts)
    outcomes = [Outcome(one.send, one.ordinal, "accepted", wamid=one.send) for one in attempts]
    lanes(store).pump(outcomes, 0)
    return len(attempts)


def work(store: Store, campaign: Campaign) -> int:
    """Do what wake-ups ask for until nobody is taken any more; return how many were queued."""
    queued, taken = 0, -1
    while (now := read(store, campaign).next_recipient) > taken:
        taken = now
        queued += process.process_broadcast_campaign(campaign.id)["queued"]
    return queued


def test_who_is_passed_costs_no_pace(store: Store) -> None:
    campaign = started(store, 2_500, 2_490, pace="1/m")  # it earns no second one meanwhile

    assert expand(store, BODIES, campaign, budget_s=LONG_S) == 1

    assert cells(store, campaign) == {"waiting": 9, "queued": 1, "failed": 2_490}
    assert read(store, campaign).next_recipient == 2_491


def test_those_who_follow_them_keep_the_pace(store: Store) -> None:
    campaign = started(store, 60, 50, pace=10)

    expand(store, BODIES, campaign, budget_s=LONG_S)

    ready = sorted(at for _, at in raw(store).zrange(f"{PREFIX}ready:bulk", 0, -1, withscores=True))
    assert len(ready) == 10
    assert ready[-1] - ready[0] >= 700


def test_a_call_ends_in_time_and_the_next_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, looks = started(store, 450, 449), count(step=0.4)
    monkeypatch.setattr(
        "gateway.store.campaigns.expansion.time", SimpleNamespace(monotonic=lambda: next(looks))
    )

    assert expand(store, BODIES, campaign, budget_s=1.0) == 0
    assert cells(store, campaign) == {"waiting": 150, "failed": 300}

    assert expand(store, BODIES, read(store, campaign), budget_s=LONG_S) == 1
    assert cells(store, campaign) == {"queued": 1, "failed": 449}


def test_the_first_batch_is_of_those_who_are_written_to(store: Store) -> None:
    campaign = started(store, 300, 200, first={"size": 4})

    assert work(store, campaign) == 4
    assert work(store, campaign) == 0

    assert cells(store, campaign) == {"waiting": 96, "queued": 4, "failed": 200}
    assert post(store) == 4
    work(store, campaign)
    assert read(store, campaign).first_done_at


def test_who_is_passed_uses_no_reach(store: Store) -> None:
    raw(store).set(f"{PREFIX}reach", "20")
    raw(store).set(f"{PREFIX}reach:asked", 1)
    campaign = started(store, 330, 300)

    assert work(store, campaign) == 20

    assert cells(store, campaign) == {"waiting": 10, "queued": 20, "failed": 300}


def test_written_are_those_to_whom_it_was_posted(store: Store) -> None:
    campaign = started(store, 10, 7)
    work(store, campaign)
    assert post(store) == 3

    for _ in range(2):
        work(store, campaign)

    found = read(store, campaign)
    assert (found.phase, found.funnel.written_count, found.funnel.of("failed")) == (
        "completed",
        3,
        7,
    )
    (alert,) = active_alerts(store, now_ms(store)).values()
    assert "3 written to, 7 failed" in alert.title
    assert found.funnel.total == 10


def test_what_the_gateway_does_not_post_is_not_written(
    sender: WorkerContext, store: Store, meta: Meta
) -> None:
    number_list.add_number(store, NUMBER)
    definition = read_definition({"name": "news", "text": "hi", "pace": 100, "first": {"size": 0}})
    assert isinstance(definition, Definition)
    campaign = read(store, create_campaign(store, BODIES, NUMBER, definition))
    give_audience(store, campaign, csv_of(3))
    assert control.start(store, read(store, campaign), "test", datetime.now(UTC)) == ""
    assert expand(store, BODIES, read(store, campaign)) == 3
    for key in raw(store).keys(f"{PREFIX}ready:bulk"):
        raw(store).zadd(key, dict.fromkeys(raw(store).zrange(key, 0, -1), 1))

    outbound.pump(NUMBER, "bulk")

    funnel = read(store, campaign).funnel
    assert (meta.posted, funnel.of("failed"), funnel.written_count) == ([], 3, 0)
    assert funnel.unposted == funnel.codes


def test_who_is_passed_hides_no_failures_from_the_stop_rules(store: Store) -> None:
    campaign = started(store, 500, 0)
    counts = {
        "cell:waiting": 0, "cell:failed": 412, "code:131026": 400, "code:131051": 12,
        "unposted:131026": 400, "cell:accepted": 88,
    }  # fmt: skip
    raw(store).hset(campaign_key(NUMBER, campaign.id), mapping=counts)

    one = read(store, campaign).standing
    reason = find_stop_reason(one.definition.stop, one.funnel, one.before, 0, (), {})
    assert "12 of 100 failed" in reason


def test_a_campaign_of_a_release_before_counts_all_that_failed(store: Store) -> None:
    campaign = started(store, 10, 7)
    work(store, campaign)
    raw(store).hdel(campaign_key(NUMBER, campaign.id), "unposted:131026")

    assert read(store, campaign).funnel.written_count == 7


def test_the_check_counts_no_time_for_them(store: Store) -> None:
    lose(store, 0, 90)
    every = a_campaign(store, 100, pace=1)
    some = a_campaign(store, 100, pace=1, skip_unreachable=True)

    takes = [check_campaign(store, BODIES, one, INPUTS).takes for one in (every, some)]

    assert takes == [timedelta(seconds=100), timedelta(seconds=10)]
