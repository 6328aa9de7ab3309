"""Audience that takes the place of another: whatever happens, the draft has all of one."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.store.campaigns import control
from gateway.store.campaigns.audience import AudienceRefusedError, iter_recipients
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, a_campaign, csv_of, give_audience, phone, read
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


class Deaf(Store):
    """A store whose scripts run, and whose answers are lost."""

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        super().call_many(calls)
        raise StoreUnavailableError("TimeoutError")


@pytest.fixture
def deaf(store: Store, server: Server) -> Iterator[Deaf]:
    opened = Deaf(server.url)
    yield opened
    opened.close()


def phones(store: Store, campaign: Campaign) -> list[str]:
    return [one.phone for one, _ in iter_recipients(store, BODIES, read(store, campaign))]


def chunks(store: Store, campaign: Campaign) -> int:
    return len(raw(store).keys(f"*campaign:{campaign.id}:chunk:*"))


def test_an_audience_whose_adoption_was_not_answered_stays_whole(store: Store, deaf: Deaf) -> None:
    campaign = a_campaign(store, 0)

    with pytest.raises(StoreUnavailableError):
        give_audience(deaf, campaign, csv_of(3))

    assert read(store, campaign).recipients == 3
    assert phones(store, campaign) == [phone(i) for i in range(3)]


def test_an_audience_that_is_refused_leaves_nothing(store: Store) -> None:
    campaign = a_campaign(store, 1)
    assert control.start(store, campaign, "ana", datetime.now(UTC)) == ""

    with pytest.raises(AudienceRefusedError):
        give_audience(store, campaign, csv_of(2_001))

    assert chunks(store, campaign) == 1


def test_of_two_that_came_at_once_nothing_is_left_but_the_last(store: Store) -> None:
    campaign = a_campaign(store, 0)  # as both of them read it

    give_audience(store, campaign, csv_of(3_001))
    give_audience(store, campaign, csv_of(2))

    assert (chunks(store, campaign), len(phones(store, campaign))) == (1, 2)
