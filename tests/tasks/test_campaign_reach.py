"""A campaign whose reach is used up rests, says so, and goes on; nobody is lost or doubled."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.campaigns.reach import UNLIMITED, Reach
from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.messages.price_list import PriceList
from gateway.core.sending.outcome import Outcome
from gateway.store import keys
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import check_campaign, read_check_inputs
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.reach import (
    HOUR_MS,
    PROMISE_MS,
    PROMISED,
    end_promise,
    promise_reach,
    read_reach,
    refresh_limit,
)
from gateway.store.campaigns.view import view_campaign
from gateway.store.redis.client import Store
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.judgement import TemplateJudge
from tasks.campaigns import process
from tasks.context import WorkerContext
from tests.support.accounts import TestAccount, accounts_text, variables
from tests.support.accounts import read as read_accounts
from tests.support.factories import NUMBER
from tests.support.store.campaigns import (
    BODIES,
    INPUTS,
    a_campaign,
    cells,
    csv_of,
    give_audience,
    read,
)
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, lanes
from tests.support.tasks.fake_graph import Meta

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("at_work")]
NOW = datetime.now(UTC)


def limit_to(store: Store, word: str) -> None:
    """Let Meta have said its limit a moment ago."""
    raw(store).set(f"{PREFIX}reach", word)
    raw(store).set(f"{PREFIX}reach:asked", 1)


def started(store: Store, count: int, **others: Any) -> Campaign:
    campaign = a_campaign(store, count, **others)
    assert control.start(store, campaign, "test", NOW) == ""
    return campaign


def work_and_post(store: Store, campaign: Campaign, times: int = 3) -> list[str]:
    """Do what some ticks ask for; Meta accepts what is posted, outside the window."""
    posted: list[str] = []
    for _ in range(times):
        process.process_broadcast_campaign(campaign.id)
        attempts = lanes(store).pump([], 99).attempts
        accepted = [
            Outcome(one.send, one.ordinal, "accepted", wamid=one.send, is_outreach=True)
            for one in attempts
        ]
        lanes(store).pump(accepted, 0)
        posted += [one.send for one in attempts]
    return posted


def days_later(store: Store) -> None:
    """Let everybody who was reached have been reached two days ago."""
    hour = now_ms(store) // HOUR_MS
    for key in raw(store).keys(f"{PREFIX}reached:*"):
        raw(store).rename(key, f"{PREFIX}reached:{hour - 48}")


def test_a_campaign_rests_where_its_reach_ends_and_goes_on_the_next_day(store: Store) -> None:
    limit_to(store, "20")
    campaign = started(store, 26)

    first = work_and_post(store, campaign)

    assert len(first) == 20
    assert cells(store, campaign) == {"waiting": 6, "accepted": 20}
    waiting = view_campaign(read(store, campaign), NOW)["waiting_for"]
    assert waiting["reason"] == "reach"
    assert 22 < (waiting["until"] - NOW).total_seconds() / 3600 < 26
    days_later(store)
    rest = work_and_post(store, campaign)
    assert sorted(first + rest) == [campaign_send_id(campaign.id, i) for i in range(26)]
    assert read(store, campaign).phase == "completed"


def test_campaigns_of_one_number_share_its_reach(store: Store) -> None:
    limit_to(store, "20")
    first, second = started(store, 26), a_campaign(store, 1, name="summer")
    give_audience(store, second, csv_of(26, 100))
    assert control.start(store, read(store, second), "test", NOW) == ""
    both = first, second
    for campaign in both:
        process.process_broadcast_campaign(campaign.id)

    posted = [send for campaign in both for send in work_and_post(store, campaign)]

    assert len(posted) == 20
    assert control.pause(store, read(store, first), "ana", "a typo") == ""
    limit_to(store, "30")
    assert len(work_and_post(store, second)) == 10


@pytest.mark.parametrize(("portfolios", "posted"), [(("77", "77"), 12), (("77", "78"), 20)])
def test_accounts_of_one_portfolio_share_its_reach(
    at_work: WorkerContext,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    portfolios: tuple[str, str],
    posted: int,
) -> None:
    both = [
        TestAccount(name, [number], app, more=f'portfolio: "{portfolio}"')
        for name, number, app, portfolio in zip(
            ("shop", "clinic"), (NUMBER, "2001"), ("501", "502"), portfolios, strict=True
        )
    ]
    accounts = read_accounts(accounts_text(both), tmp_path, variables(both))
    monkeypatch.setattr(at_work.accounts, "current", lambda: accounts)
    limit_to(store, "20")
    others = [f"customer {i}" for i in range(8)]
    raw(store).pfadd(f"{keys.number('2001')}reached:{now_ms(store) // HOUR_MS}", *others)

    assert len(work_and_post(store, started(store, 26))) == posted


def two_running(store: Store, each: int = 26) -> tuple[Campaign, Campaign]:
    """Start two campaigns of one number, to different people."""
    first, second = started(store, each), a_campaign(store, 1, name="summer")
    give_audience(store, second, csv_of(each, 100))
    assert control.start(store, read(store, second), "test", NOW) == ""
    return read(store, first), read(store, second)


def test_what_one_campaign_is_about_to_queue_is_none_of_anothers(store: Store) -> None:
    limit_to(store, "20")
    first, second = two_running(store)
    promise = promise_reach(store, first, [NUMBER], 50)  # at the same instant, the other looks

    assert promise.granted == 20
    assert process.process_broadcast_campaign(second.id) == {"queued": 0}
    assert expand(store, BODIES, first, promise.granted, promise.till_ms) == 20

    end_promise(store, promise)
    assert process.process_broadcast_campaign(second.id) == {"queued": 0}
    assert control.pause(store, read(store, first), "ana", "a typo") == ""
    assert process.process_broadcast_campaign(second.id) == {"queued": 20}


def test_campaigns_that_many_workers_lead_never_queue_more_than_is_left(store: Store) -> None:
    limit_to(store, "40")
    both = two_running(store)

    def work(turn: int) -> int:
        return int(process.process_broadcast_campaign(both[turn % 2].id)["queued"])

    with ThreadPoolExecutor(6) as pool:
        at_once = sum(pool.map(work, range(24)))

    assert at_once <= 40
    assert at_once + work(0) + work(1) == 40
    assert sum(cells(store, one).get("queued", 0) for one in both) == 40


def test_a_promise_that_ends_between_a_look_and_a_request_lets_it_look_again(store: Store) -> None:
    limit_to(store, "20")
    first, second = two_running(store)
    turn = raw(store).hget(PROMISED, "turn") or b""
    promise = promise_reach(store, first, [NUMBER], 20)
    assert expand(store, BODIES, first, promise.granted, promise.till_ms) == 20
    end_promise(store, promise)

    stale = [second.id, "name", 0, 20, 20, PROMISE_MS, turn, first.id, 0]  # nobody was queued yet

    assert store.call("promise_reach", keys.CAMPAIGNS, *stale) == [-1, 0]
    assert promise_reach(store, second, [NUMBER], 20).granted == 0


def test_a_worker_that_comes_too_late_leaves_the_promise_of_another(store: Store) -> None:
    limit_to(store, "20")
    first, second = two_running(store)
    promises = [promise_reach(store, first, [NUMBER], 50) for _ in range(2)]

    end_promise(store, promises[1])

    assert [one.granted for one in promises] == [20, 20]
    assert process.process_broadcast_campaign(second.id) == {"queued": 0}


def test_a_promise_of_a_worker_that_died_ends_and_is_not_kept_late(store: Store) -> None:
    limit_to(store, "20")
    first, second = two_running(store)
    promise = promise_reach(store, first, [NUMBER], 20)
    ended = now_ms(store) - 1
    raw(store).hset(PROMISED, promise.name, f"{promise.granted} {ended}")  # a minute later

    assert process.process_broadcast_campaign(second.id) == {"queued": 20}
    assert expand(store, BODIES, first, promise.granted, ended) == 0


def test_a_limit_that_meta_raises_lets_it_go_on_at_once(store: Store) -> None:
    limit_to(store, "2")
    campaign = started(store, 5)
    assert len(work_and_post(store, campaign)) == 2

    limit_to(store, "TIER_2K")
    process.process_broadcast_campaign(campaign.id)

    assert view_campaign(read(store, campaign), NOW)["waiting_for"] is None
    assert len(work_and_post(store, campaign)) == 3


def test_a_limit_that_is_not_known_stops_nothing(at_work: WorkerContext, store: Store) -> None:
    campaign = started(store, 5)

    assert len(work_and_post(store, campaign)) == 5
    assert read_reach(store, NUMBER, [NUMBER]) is None


def test_a_customer_counts_once_in_a_day_and_once_for_each_number(store: Store) -> None:
    limit_to(store, "TIER_2K")
    hour = now_ms(store) // HOUR_MS
    for number, at in ((PREFIX, hour), (PREFIX, hour - 3), (PREFIX, hour - 30)):
        raw(store).pfadd(f"{number}reached:{at}", "351900000001", "35190000000" + str(at % 7))
    raw(store).pfadd(f"gw:{{n2}}:reached:{hour}", "351900000001")

    reach = read_reach(store, NUMBER, [NUMBER, "2"])

    assert reach
    lately = {"351900000001", *(f"35190000000{at % 7}" for at in (hour, hour - 3))}
    assert reach.used == len(lately) + 1
    assert reach.frees_at
    assert reach.frees_at.timestamp() == (hour - 3 + 25) * 3600


def test_what_goes_inside_the_window_uses_up_nothing(store: Store) -> None:
    limit_to(store, "TIER_250")
    campaign = started(store, 2)
    process.process_broadcast_campaign(campaign.id)
    attempts = lanes(store).pump([], 9).attempts

    settled = [
        Outcome(one.send, 1, "accepted", is_outreach=i == 0) for i, one in enumerate(attempts)
    ]
    lanes(store).pump(settled, 0)

    reach = read_reach(store, NUMBER, [NUMBER])
    assert reach
    assert (reach.limit, reach.used) == (250, 1)


def test_meta_is_asked_for_the_limit_once_in_a_while(
    at_work: WorkerContext, store: Store, meta: Meta
) -> None:
    meta.numbers[NUMBER] = {"whatsapp_business_manager_messaging_limit": "TIER_2K"}
    own = at_work.accounts.current().number(NUMBER)
    assert own

    for _ in range(2):
        refresh_limit(store, meta.url, own)

    assert read_reach(store, NUMBER, [NUMBER]) == Reach(2_000)
    assert len(meta.asked) == 1


def test_the_check_says_in_how_many_days_meta_lets_it_reach_all(
    at_work: WorkerContext, store: Store, meta: Meta
) -> None:
    meta.numbers[NUMBER] = {"whatsapp_business_manager_messaging_limit": "2"}
    judge = TemplateJudge(store, TemplateCache(store), meta.url)
    campaign, accounts = a_campaign(store, 5), at_work.accounts.current()

    check = check_campaign(
        store, BODIES, campaign, read_check_inputs(judge, accounts, campaign, 50, PriceList())
    )

    assert (check.outreach, check.takes.days) == (5, 2)
    assert control.start(store, read(store, campaign), "ana", NOW) == ""
    finish_by = read(store, campaign).definition.finish_by
    assert finish_by
    assert (finish_by - NOW).total_seconds() == pytest.approx(3 * 24 * 3600, abs=60)


def test_a_check_without_a_limit_takes_what_the_pace_takes(store: Store) -> None:
    campaign = a_campaign(store, 5)

    check = check_campaign(store, BODIES, campaign, replace(INPUTS, reach=Reach(UNLIMITED)))

    assert check.takes.days == 0


def test_a_number_that_rests_or_is_paused_is_what_the_campaign_waits_for(store: Store) -> None:
    campaign = started(store, 2)
    for key, fields, reason in (
        ("tokens", {"rest": now_ms(store) + 3_600_000}, "number_rests"),
        ("stops", {"paused": '{"code":131042}'}, "number_paused"),
        ("stops", {"held": "1|why"}, "number_held"),
    ):
        raw(store).hset(f"{PREFIX}{key}", mapping=fields)
        waiting = view_campaign(read(store, campaign), NOW)["waiting_for"]
        assert waiting["reason"] == reason
