"""A customer who is erased while an audience is being read is in no audience afterwards."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.erasure import Erasure
from gateway.core.contacts.person import Person
from gateway.core.planning.batch import Plan
from gateway.store import number_list
from gateway.store.body_codec import CHECKED, Bodies
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import (
    AudienceMember,
    iter_recipients,
    read_recipients,
)
from gateway.store.campaigns.campaigns import Campaign, change_phase
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.uploads.known_customers import KnownCustomers
from gateway.store.campaigns.uploads.lease import KEPT_MS, hold_upload
from gateway.store.campaigns.uploads.repetition import repeat_campaign
from gateway.store.campaigns.uploads.upload import Home, TableForm, store_file, store_known
from gateway.store.dead_letters.dead_letters import server_time
from gateway.store.erasure import audiences
from gateway.store.erasure.eraser import Eraser
from gateway.store.erasure.open_erasures import OPEN, find_erasure, replace_erasure
from gateway.store.erasure.search import PersonSearch
from gateway.store.planning.commit import commit
from gateway.store.planning.contact_scan import iter_contacts
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.tables.table import read_table
from tests.support.factories import NUMBER
from tests.support.store.campaigns import (
    BODIES,
    a_campaign,
    cells,
    csv_of,
    give_audience,
    phone,
    read,
)
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK
from tests.support.store.stored_content import find_mentions

pytestmark = pytest.mark.store
ZOE, BOB = phone(1), phone(2)
UPLOADS_OF = "gateway.store.campaigns.uploads"
UPLOADS = f"{PREFIX}uploads"
Read = Callable[..., Iterable[Any]]


def eraser(store: Store) -> Eraser:
    return Eraser(store, BODIES, WEEK)


def erase(store: Store) -> Erasure:
    """Erase her as far as that goes now."""
    begun = eraser(store).begin(ZOE, None)
    eraser(store).run(budget_s=60, only=begun.id)
    return found(store, begun)


def go_on(store: Store, begun: Erasure) -> Erasure:
    """Let the erasure make its next pass now."""
    before = found(store, begun)
    if before.next_at:
        assert replace_erasure(store, before, replace(before, next_at=server_time(store)))
    eraser(store).run(budget_s=60, only=begun.id)
    return found(store, begun)


def end(store: Store, begun: Erasure) -> Erasure:
    """Let the erasure make as many passes as it needs once no upload is under way."""
    for _ in range(50):  # some begin in the millisecond in which the last upload ended
        if (now := go_on(store, begun)).finished_at:
            return now
    raise AssertionError(now)


def found(store: Store, begun: Erasure) -> Erasure:
    one = find_erasure(store, begun.id)
    assert one
    return one


def phones(store: Store, campaign: Campaign | str) -> list[str]:
    return [one.phone for one, _ in iter_recipients(store, BODIES, read(store, campaign))]


class Interrupted:
    """Reads as another function does, and lets her be erased once it has looked at all of it."""

    def __init__(self, store: Store, reads: Read) -> None:
        self.store, self.reads = store, reads
        self.erasure: Erasure | None = None

    def __call__(self, *args: Any, **options: Any) -> Iterator[Any]:
        rows = list(self.reads(*args, **options))
        if self.erasure is None:
            self.erasure = go_on(self.store, erase(self.store))
        yield from rows

    def end(self) -> Erasure:
        assert self.erasure
        assert self.erasure.finished_at is None
        assert self.erasure.audiences > 0
        return end(self.store, self.erasure)


def know(store: Store, name: str) -> None:
    before = find_contact(store, NUMBER, name)
    contact: Contact = replace(before, wa_id=name, tags=("vip",), vars={"first": "Ana"})
    assert commit(store, [Plan(NUMBER, contact, changed=True, events=())], WEEK) == [True]


def an_ended(store: Store, **others: Any) -> Campaign:
    campaign = a_campaign(store, 3, **others)
    assert change_phase(store, campaign, ["draft"], "expired", "finish_by", "over")[0]
    return read(store, campaign)


def test_who_is_erased_while_a_campaign_is_repeated_is_not_in_the_draft(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Interrupted(store, iter_recipients)
    monkeypatch.setattr(f"{UPLOADS_OF}.repetition.iter_recipients", reading)

    draft = repeat_campaign(store, BODIES, an_ended(store), "expired")

    assert ZOE in phones(store, draft)
    assert reading.end().finished_at
    assert phones(store, draft) == [phone(0), "", BOB]


def test_who_is_erased_while_a_tag_is_looked_for_is_not_in_the_draft(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (ZOE, BOB):
        know(store, name)
    draft = a_campaign(store, 0)
    reading = Interrupted(store, iter_contacts)
    monkeypatch.setattr(f"{UPLOADS_OF}.known_customers.iter_contacts", reading)

    assert store_known(store, BODIES, draft, KnownCustomers("vip"), Home()).recipients == 2

    assert reading.end().finished_at
    assert sorted(phones(store, draft)) == ["", BOB]


def test_who_is_erased_while_a_file_is_read_is_not_in_the_draft(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = a_campaign(store, 0)
    reading = Interrupted(store, read_table)
    monkeypatch.setattr(f"{UPLOADS_OF}.upload.read_table", reading)

    store_file(store, BODIES, draft, io.BytesIO(csv_of(3)), TableForm(), Home())

    assert reading.end().finished_at
    assert phones(store, draft) == [phone(0), "", BOB]


def test_the_notice_of_a_repetition_goes_to_nobody_who_was_erased_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify = {"to": f"+{ZOE}", "template": {"name": "over", "language": "en"}}
    campaign = an_ended(store, notify=notify)
    seen = list[Erasure]()

    def create_after(*args: Any) -> str:
        seen.append(erase(store))
        return create_campaign(*args)

    monkeypatch.setattr(f"{UPLOADS_OF}.repetition.create_campaign", create_after)
    draft = repeat_campaign(store, BODIES, campaign, "expired")

    assert end(store, seen[0]).finished_at
    assert read(store, draft).definition.notice.to == ""
    assert ZOE not in phones(store, draft)


def test_a_repetition_asked_for_before_the_erasure_has_nobody_of_it(store: Store) -> None:
    notify = {"to": f"+{ZOE}", "template": {"name": "over", "language": "en"}}
    campaign = an_ended(store, notify=notify)  # as a process has read it that hangs then
    end(store, erase(store))

    draft = repeat_campaign(store, BODIES, campaign, "expired")

    assert read(store, draft).definition.notice.to == ""
    assert phones(store, draft) == [phone(0), BOB]


def test_an_upload_that_died_delays_an_erasure_until_its_lease_is_over(store: Store) -> None:
    a_campaign(store, 0)
    dead = hold_upload(store, NUMBER)
    name = dead.__enter__().name  # whose process is killed before it leaves

    begun = erase(store)

    assert [go_on(store, begun).audiences for _ in range(2)] == [1, 1]
    raw(store).zadd(UPLOADS, {name: 1})
    assert end(store, begun).finished_at


def test_an_upload_whose_lease_ran_out_stores_nothing_more(store: Store) -> None:
    with hold_upload(store, NUMBER) as lease:
        raw(store).zadd(UPLOADS, {lease.name: 1})
        with pytest.raises(StoreUnavailableError, match="took too long"):
            lease.write_chunk(f"{PREFIX}campaign:a:chunk:b:0", b"rows", 1_000)

    assert raw(store).keys("*chunk*") == []


def test_a_draft_takes_no_audience_of_an_upload_whose_lease_ran_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, call = a_campaign(store, 2), Store.call

    def lapse(self: Store, script: str, prefix: str, *args: Any) -> Any:
        if script == "adopt_audience":
            raw(store).delete(UPLOADS)
        return call(self, script, prefix, *args)

    monkeypatch.setattr(Store, "call", lapse)
    with pytest.raises(StoreUnavailableError, match="took too long"):
        give_audience(store, draft, csv_of(3))

    assert phones(store, draft) == [phone(0), ZOE]


def test_an_upload_that_began_after_a_pass_that_found_nothing_delays_no_erasure(
    store: Store,
) -> None:
    number_list.add_number(store, NUMBER)
    with hold_upload(store, NUMBER):
        begun = erase(store)
        assert begun.audiences == 1
    assert begun.read_until
    while server_time(store) <= begun.read_until:  # within its millisecond an upload counts still
        pass
    with hold_upload(store, NUMBER):
        assert end(store, begun).finished_at


def test_an_upload_of_another_number_delays_no_erasure(store: Store) -> None:
    begun = eraser(store).begin(ZOE, [NUMBER])

    with hold_upload(store, "222222"):
        assert go_on(store, begun).finished_at


def test_a_pass_that_took_longer_than_uploads_are_known_is_followed_by_another(
    store: Store,
) -> None:
    long_ago = timedelta(milliseconds=KEPT_MS + 60_000)
    a_campaign(store, 0)
    begun = eraser(store).begin(ZOE, None)
    assert replace_erasure(store, begun, replace(begun, started_at=begun.started_at - long_ago))

    eraser(store).run(budget_s=60, only=begun.id)

    assert found(store, begun).audiences == 1


def test_an_erasure_of_a_release_before_goes_on(store: Store) -> None:
    a_campaign(store, 3)
    begun = eraser(store).begin(ZOE, None)
    row = orjson.loads(begun.pack())
    for name in ("audiences", "pass_at", "read_until"):
        del row[name]
    raw(store).hset(OPEN, begun.id, orjson.dumps(row))

    assert end(store, begun).finished_at
    assert find_mentions(store, {ZOE}, set()) == []


def test_an_erasure_at_a_stage_of_another_release_goes_on(store: Store) -> None:
    begun = eraser(store).begin(ZOE, None)
    raw(store).hset(OPEN, begun.id, replace(begun, stage="faxes").pack())

    assert end(store, begun).finished_at


class SlowBodies(Bodies):
    """Bodies of a process that hangs before it writes, while another erases Bob."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store, self.has_hung = store, False

    def pack(self, body: bytes, kind: bytes = CHECKED) -> bytes:
        if not self.has_hung:
            self.has_hung = True
            audiences.erase_audiences(search_of(self.store, BOB), "")
        return super().pack(body, kind)


def test_of_two_erasures_that_look_at_one_chunk_at_once_neither_is_undone(store: Store) -> None:
    draft = a_campaign(store, 3)

    page = audiences.erase_audiences(search_of(store, ZOE, SlowBodies(store)), "")

    assert phones(store, draft) == [phone(0), ZOE, ""]
    assert (page.messages, page.erased["recipients"]) == (1, 0)
    audiences.erase_audiences(search_of(store, ZOE), "")
    assert phones(store, draft) == [phone(0), "", ""]


def search_of(store: Store, name: str, bodies: Bodies = BODIES) -> PersonSearch:
    return PersonSearch(store, bodies, Person(frozenset({name})))


def started(store: Store) -> Campaign:
    campaign = a_campaign(store, 3)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    return read(store, campaign)


def test_a_worker_that_read_her_row_before_queues_her_not_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, done = started(store), list[Erasure]()

    def read_and_hang(*args: Any) -> list[AudienceMember]:
        members = read_recipients(*args)
        done.append(end(store, erase(store)))
        return members

    monkeypatch.setattr("gateway.store.campaigns.expansion.read_recipients", read_and_hang)
    expand(store, BODIES, campaign)

    assert cells(store, campaign) == {"queued": 2, "cancelled": 1}
    assert done[0].finished_at
    assert find_mentions(store, {ZOE}, set()) == []


def test_who_is_erased_from_a_campaign_that_has_ended_changes_no_figure(store: Store) -> None:
    campaign = started(store)
    assert control.cancel(store, campaign, "ana", "no") == ""
    before = read(store, campaign).funnel

    assert end(store, erase(store)).finished_at

    assert read(store, campaign).funnel == before
    assert phones(store, campaign) == [phone(0), "", BOB]
