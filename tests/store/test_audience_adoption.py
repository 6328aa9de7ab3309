"""Audience that takes the place of another: whatever happens, the draft has all of one."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.campaigns.audience import AudienceReader, AudienceRow
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import CHUNK, iter_recipients
from gateway.store.campaigns.campaigns import LIVES_MS, Campaign
from gateway.store.campaigns.uploads.audience_writer import (
    UPLOAD_LIVES_MS,
    AudienceRefusedError,
    store_audience,
)
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, a_campaign, csv_of, give_audience, phone, read
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


class Deaf(Store):
    """A store in which adoptions run, and whose answers to them are lost."""

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        answers = super().call_many(calls)
        if any(one.script == "adopt_audience" for one in calls):
            raise StoreUnavailableError("TimeoutError")
        return answers


@pytest.fixture
def deaf(store: Store, server: Server) -> Iterator[Deaf]:
    opened = Deaf(server.url)
    yield opened
    opened.close()


def phones(store: Store, campaign: Campaign) -> list[str]:
    return [one.phone for one, _ in iter_recipients(store, BODIES, read(store, campaign))]


def chunks(store: Store, campaign: Campaign) -> int:
    return len(raw(store).keys(f"*campaign:{campaign.id}:chunk:*"))


def lifetimes(store: Store, campaign: Campaign) -> list[int]:
    names = raw(store).keys(f"*campaign:{campaign.id}:chunk:*")
    return [int(raw(store).pttl(name)) for name in names]


def rows_and_a_look(look: Callable[[], None]) -> Iterator[AudienceRow]:
    """Yield the rows of two chunks, and look at the store while only one is there."""
    for i in range(CHUNK):
        yield AudienceRow(i, phone(i), {"first": "Ana"}, "")
    yield AudienceRow(CHUNK, phone(CHUNK), {"first": "Ana"}, "")
    look()


def test_chunks_of_an_upload_that_is_killed_live_for_a_day(store: Store) -> None:
    campaign, seen = a_campaign(store, 0), list[int]()
    rows = rows_and_a_look(lambda: seen.extend(lifetimes(store, campaign)))

    store_audience(store, BODIES, campaign, AudienceReader(frozenset({"first"})), rows)

    assert [one <= UPLOAD_LIVES_MS for one in seen] == [True]
    assert [one > LIVES_MS - UPLOAD_LIVES_MS for one in lifetimes(store, campaign)] == [True, True]


def test_chunks_of_an_upload_that_is_killed_before_its_adoption_live_for_a_day(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, call, seen = a_campaign(store, 0), Store.call, list[int]()

    def look(self: Store, script: str, prefix: str, *args: Any) -> Any:
        if script == "adopt_audience":
            seen.extend(lifetimes(store, campaign))
        return call(self, script, prefix, *args)

    monkeypatch.setattr(Store, "call", look)
    give_audience(store, campaign, csv_of(1_001))

    assert [one <= UPLOAD_LIVES_MS for one in seen] == [True, True]


def test_an_upload_that_took_longer_than_its_chunks_live_changes_nothing(store: Store) -> None:
    campaign = a_campaign(store, 2)
    (kept,) = raw(store).keys(f"*campaign:{campaign.id}:chunk:*")

    def forget() -> None:
        names = raw(store).keys(f"*campaign:{campaign.id}:chunk:*")
        raw(store).delete(*(name for name in names if name != kept))

    reader = AudienceReader(frozenset({"first"}))
    with pytest.raises(StoreUnavailableError):
        store_audience(store, BODIES, campaign, reader, rows_and_a_look(forget))

    assert phones(store, campaign) == [phone(0), phone(1)]
    assert chunks(store, campaign) == 1


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
