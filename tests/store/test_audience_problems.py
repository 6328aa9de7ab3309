"""Rows of a file that were left out: ten thousand for a week, and a hundred after it."""

import pytest

from gateway.core.tables.phone_cells import TableError
from gateway.store.campaigns.audience import read_problems
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Store
from tests.support.store.campaigns import BODIES, a_campaign, csv_of, give_audience, read
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


def kept(store: Store, campaign: Campaign) -> list[str]:
    return [str(key) for key in raw(store).keys(f"*campaign:{campaign.id}:problems:*")]


def lines(store: Store, campaign: Campaign) -> list[int]:
    return [int(one["line"]) for one in read_problems(store, BODIES, read(store, campaign))]


def test_ten_thousand_are_kept_and_a_hundred_when_those_are_gone(store: Store) -> None:
    campaign = a_campaign(store, 0)

    give_audience(store, campaign, csv_of(1) + b"\n12,Bad" * 10_001)

    assert lines(store, campaign) == list(range(3, 10_003))
    (key,) = raw(store).keys(f"*campaign:{campaign.id}:problems:*")
    store.redis.delete(key)
    assert lines(store, campaign) == list(range(3, 103))


def test_few_are_in_the_row_of_the_campaign_only(store: Store) -> None:
    campaign = a_campaign(store, 0)

    give_audience(store, campaign, csv_of(1) + b"\n12,Bad" * 100)

    assert len(lines(store, campaign)) == 100
    assert kept(store, campaign) == []


def test_another_file_has_problems_of_its_own(store: Store) -> None:
    campaign = a_campaign(store, 0)
    give_audience(store, campaign, csv_of(1) + b"\n12,Bad" * 200)

    with pytest.raises(TableError):
        give_audience(store, read(store, campaign), csv_of(1) + b"\n12,Bad" * 300 + b'\n"cut')
    assert (len(lines(store, campaign)), len(kept(store, campaign))) == (200, 1)

    give_audience(store, read(store, campaign), csv_of(1))
    assert (lines(store, campaign), kept(store, campaign)) == ([], [])
