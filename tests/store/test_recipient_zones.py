"""With quiet hours a recipient's zone is that of the file, else that of the stored contact."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.planning.batch import Plan
from gateway.core.webhook.phone_numbers import contact_key
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.uploads import recipient_zones
from gateway.store.campaigns.uploads.known_customers import KnownCustomers
from gateway.store.campaigns.uploads.upload import Home, TableForm, store_file, store_known
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Call, Store
from tests.support.factories import NUMBER, a_message
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, a_definition, phone, read
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK

pytestmark = pytest.mark.store
QUIET = {"from": "21:00", "to": "08:00"}
TOKYO, BERLIN, OF_PHONE = "Asia/Tokyo", "Europe/Berlin", ("Atlantic/Azores", "Europe/Lisbon")


class Counting(Store):
    """A store that counts how many contacts each script loaded."""

    loads: Sequence[int] = ()

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        self.loads = [*self.loads, *(int(one.args[0]) for one in calls if one.script == "load")]
        return super().call_many(calls)


@pytest.fixture
def counting(store: Store, server: Server) -> Iterator[Counting]:
    opened = Counting(server.url)
    yield opened
    opened.close()


def know(store: Store, name: str, zone: str, **more: Any) -> None:
    """Commit a contact with a zone."""
    fields = {"wa_id": name, "tags": ("vip",), "vars": {"first": "Ana", "zone": zone}} | more
    contact = replace(find_contact(store, NUMBER, name), **fields)
    assert commit(store, [Plan(NUMBER, contact, changed=True, events=())], WEEK) == [True]


def upload(
    store: Store, given: bytes | KnownCustomers, quiet: dict[str, str] | None = QUIET
) -> dict[str, tuple[str, ...]]:
    """Give a new draft its audience; return the zones of the recipients by their numbers."""
    more = {"quiet_hours": quiet} if quiet else {}
    id_ = create_campaign(store, BODIES, NUMBER, a_definition(**more))
    home = Home("", "Etc/UTC")
    if isinstance(given, KnownCustomers):
        result = store_known(store, BODIES, read(store, id_), given, home)
    else:
        result = store_file(store, BODIES, read(store, id_), io.BytesIO(given), TableForm(), home)
    assert (result.error, result.phase) == ("", "")
    campaign = read(store, id_)
    members = [member.phone for member, _ in iter_recipients(store, BODIES, campaign)]
    return {
        members[row]: group.zones
        for group in campaign.groups
        for one in group.ranges
        for row in range(one.first, one.first + one.size)
    }


def file_of(*rows: str) -> bytes:
    return "\n".join(["phone,first,zone", *rows]).encode()


@pytest.mark.parametrize(
    "given",
    [
        file_of(*(f"+{phone(i)},Ana," for i in range(3))),
        "\n".join(["phone,first", *(f"+{phone(i)},Ana" for i in range(3))]).encode(),
        KnownCustomers("vip"),
        KnownCustomers("", [f"+{phone(i)}" for i in range(3)]),
    ],
    ids=["file with an empty column", "file without the column", "tag", "list"],
)
def test_the_zone_of_the_contact_counts_for_each_kind_of_audience(
    store: Store, given: bytes | KnownCustomers
) -> None:
    for i, zone in enumerate([TOKYO, f" {BERLIN} ", "zone 3"]):
        know(store, phone(i), zone)

    assert upload(store, given) == {phone(0): (TOKYO,), phone(1): (BERLIN,), phone(2): OF_PHONE}


def test_the_zone_of_the_file_goes_before_that_of_the_contact(store: Store) -> None:
    know(store, phone(0), BERLIN)

    assert upload(store, file_of(f"+{phone(0)},Ana,{TOKYO}")) == {phone(0): (TOKYO,)}


@pytest.mark.parametrize(
    ("known", "written"),
    [("5511987654321", "+55 11 8765-4321"), ("551187654321", "+55 11 98765-4321"),
     ("5215512345678", "+52 55 1234 5678"), ("5491123456789", "+54 11 2345-6789")],
)  # fmt: skip
def test_a_contact_is_found_by_either_form_of_its_number(
    store: Store, known: str, written: str
) -> None:
    know(store, contact_key(known), TOKYO, wa_id=known)

    assert list(upload(store, file_of(f"{written},Ana,")).values()) == [(TOKYO,)]


def test_a_contact_that_is_known_by_its_user_id_is_found_by_its_number(store: Store) -> None:
    by_id = a_message("wamid.1", "PT.1", wa_id="", user_id="PT.1")
    both = a_message("wamid.2", phone(0), user_id="PT.1")
    for event in (by_id, both):
        assert commit(store, planned(store, event), WEEK) == [True]
    know(store, "PT.1", TOKYO, wa_id=phone(0))

    assert upload(store, file_of(f"+{phone(0)},Ana,")) == {phone(0): (TOKYO,)}


def test_a_contact_that_cannot_be_read_holds_up_nobody(store: Store) -> None:
    for i in range(2):
        know(store, phone(i), TOKYO)
    raw(store).hset(f"{PREFIX}contact:{phone(0)}", "state", b"{")

    found = upload(store, file_of(f"+{phone(0)},Ana,", f"+{phone(1)},Ana,"))

    assert found == {phone(0): OF_PHONE, phone(1): (TOKYO,)}


def test_contacts_are_looked_up_only_for_rows_that_name_no_zone(counting: Counting) -> None:
    content = file_of(f"+{phone(0)},Ana,{TOKYO}", f"+{phone(1)},Ana,", f"+{phone(2)},Ana,{BERLIN}")

    upload(counting, content)
    assert counting.loads == [1]

    upload(counting, content, quiet=None)
    assert counting.loads == [1]


def test_no_more_rows_are_held_than_are_looked_up_at_once(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipient_zones, "AT_ONCE", 3)

    upload(counting, file_of(*(f"+{phone(i)},Ana," for i in range(7))))

    assert counting.loads == [3, 3, 1]
