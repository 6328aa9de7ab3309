"""Reach and cost of a campaign, computed from what Meta and the operator say."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.campaigns.checks.check import CheckTally
from gateway.core.campaigns.checks.cost import CountryCounter, estimate_cost, is_free
from gateway.core.campaigns.checks.warnings import (
    warn_of_end,
    warn_of_quality,
    warn_of_template,
)
from gateway.core.campaigns.course import CampaignObstacle, Standing, Step, decide_step
from gateway.core.campaigns.definition import Definition, choose_end, read_definition
from gateway.core.campaigns.reach import UNLIMITED, Reach, parse_limit
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.campaigns.view import view_waiting
from gateway.core.contacts.contact import Contact
from gateway.core.messages.price_list import PriceList
from gateway.core.templates.template import MetaTemplate

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PRICES = PriceList(
    date(2026, 10, 1),
    "EUR",
    {("PT", "marketing"): Decimal("0.05"), ("PT", "utility"): Decimal("0.02")},
)


def a_definition(**others: Any) -> Definition:
    message = {"template": {"name": "spring", "language": "en", "params": ["{{ first }}"]}}
    found = read_definition({"name": "spring"} | (others or message))
    assert isinstance(found, Definition)
    return found


@pytest.mark.parametrize(
    ("word", "limit"),
    [("TIER_250", 250), ("TIER_2K", 2_000), ("TIER_100K", 100_000), ("TIER_UNLIMITED", UNLIMITED),
     ("2000", 2_000), ("TIER_0", None), ("TIER_NOT_SET", None), ("", None)],
)  # fmt: skip
def test_meta_names_limits_in_several_ways(word: str, limit: int | None) -> None:
    assert parse_limit(word) == limit


@pytest.mark.parametrize(
    ("reach", "customers", "days"),
    [(Reach(2_000, 1_240), 20_000, 10), (Reach(2_000, 1_240), 760, 0),
     (Reach(2_000, 1_240), 761, 1),
     (Reach(250, 400), 250, 1), (Reach(UNLIMITED), 10**6, 0)],
)  # fmt: skip
def test_the_days_follow_from_what_is_left_today(reach: Reach, customers: int, days: int) -> None:
    assert reach.days_for(customers) == days
    assert reach.time_for(customers) == days * DAY


def running(reach: Reach, **others: Any) -> Standing:
    cells = {"waiting": 900, "queued": 40, "attempting": 10, "read": 50}
    return Standing("running", a_definition(), Funnel(cells), 1_000, reach=reach, **others)


def test_it_queues_no_more_customers_than_meta_lets_it_reach() -> None:
    assert decide_step(running(Reach(2_000, 1_900)), NOW) == Step(queues=True, most=50)
    assert decide_step(running(Reach(2_000, 1_960)), NOW) == Step()
    promised = running(Reach(2_000, 1_900, promised=30))
    assert decide_step(promised, NOW) == Step(queues=True, most=20)
    assert decide_step(running(Reach(UNLIMITED)), NOW) == Step(queues=True)


def test_it_rests_while_nothing_is_left_and_says_until_when() -> None:
    used_up = running(Reach(2_000, 2_010, NOW + DAY))

    assert decide_step(used_up, NOW) == Step(until=NOW + DAY, is_reach_used_up=True)
    shown = replace(used_up, obstacle=CampaignObstacle("reach", NOW + DAY))
    assert view_waiting(shown, NOW) == {"reason": "reach", "until": NOW + DAY}


def test_an_obstacle_whose_time_is_over_is_shown_no_more() -> None:
    rested = running(Reach(UNLIMITED), obstacle=CampaignObstacle("number_rests", NOW))

    assert view_waiting(rested, NOW) is None


def test_it_ends_a_day_after_the_time_that_it_takes_unless_given() -> None:
    assert choose_end(a_definition(), NOW, 10 * DAY) == NOW + 11 * DAY
    assert choose_end(replace(a_definition(), finish_by=NOW), NOW, DAY) == NOW


def test_costs_are_those_of_the_list_and_unknown_ones_are_counted() -> None:
    cost = estimate_cost({"PT": 100, "BR": 7, "": 1}, "marketing", PRICES)

    assert (cost.amount, cost.currency, cost.unpriced) == (Decimal("5.00"), "EUR", 8)
    assert list(cost.countries) == ["PT", "BR", ""]
    assert estimate_cost({"PT": 100}, "marketing", PriceList()).unpriced == 100


@pytest.mark.parametrize(
    ("category", "is_window_open", "free"),
    [("marketing", True, False), ("utility", True, True), ("utility", False, False),
     ("service", True, True), ("", True, False)],
)  # fmt: skip
def test_meta_bills_utility_outside_the_window_only(
    category: str, is_window_open: bool, free: bool
) -> None:
    assert is_free(category, is_window_open=is_window_open) is free


def test_countries_are_told_by_numbers_and_user_ids() -> None:
    counter = CountryCounter()
    for name in ("351912345678", "351912345679", "12125550000", "447911120000", "PT.1", "BR.1"):
        counter.add(name)

    assert counter.counts == {"PT": 3, "US": 1, "GG": 1, "BR": 1}


def test_each_recipient_is_counted_once() -> None:
    definition = a_definition()
    tally = CheckTally(definition, "marketing", definition.prepare(), NOW, None)
    wrote = Contact("351900000001", last_inbound_at=NOW)

    def add(phone: str, name: str, contact: Contact, *, is_unreachable: bool = False) -> None:
        tally.add(phone, {"first": name}, contact, row=0, is_unreachable=is_unreachable)

    add("351900000001", "Ana", wrote)
    add("351900000002", "Rui", Contact("351900000002"), is_unreachable=True)
    add("351900000003", "", Contact("351900000003"), is_unreachable=True)
    add("351900000004", "Eva", replace(wrote, opted_out_at=NOW))

    assert (tally.outreach, tally.empty, tally.opted_out, tally.unreachable) == (1, 1, 1, 1)
    assert tally.countries.counts == {"PT": 2}


def test_operators_are_warned_before_the_start() -> None:
    paused = MetaTemplate("spring", "en", "PAUSED", reason="LOW_QUALITY")

    (warning,) = warn_of_template(paused, is_stopped=False)
    assert "PAUSED (LOW_QUALITY)" in warning
    assert warn_of_template(MetaTemplate("spring", "en", "APPROVED"), is_stopped=False) == []
    reported = MetaTemplate("spring", "en", "APPROVED", quality="RED")
    assert [one.split(":")[0] for one in warn_of_quality(reported, NOW)] == [
        "The template's quality at Meta is RED",
        "Meta flagged the quality of the number at 2026-12-01 09",
    ]
    assert warn_of_quality(MetaTemplate("s", "en", "APPROVED", quality="GREEN"), None) == []
    assert warn_of_quality(None, None) == []
    assert warn_of_end(None, NOW + DAY) == warn_of_end(NOW + DAY, NOW) == []
    assert "2026-12-02 09:00 UTC" in warn_of_end(NOW, NOW + DAY)[0]
