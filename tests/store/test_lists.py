"""Lists of sends: every send is on one page, whatever the pages, numbers and generations are."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

import pytest

from gateway.core.api.lists.cursor import ListPlace
from gateway.store import keys
from gateway.store.api.lists import paging
from gateway.store.api.lists.message_list import MessageFilter, MessageList
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import control
from gateway.store.campaigns.expansion import expand
from gateway.store.maintenance import retention
from gateway.store.redis.client import Call, Store
from tests.support.factories import ANA, NUMBER
from tests.support.store.campaigns import BODIES, a_campaign, phone, read
from tests.support.store.failing_scripts import each_write
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, queue_at_once

pytestmark = pytest.mark.store
FAR, ROW = 1 << 45, '{"rule":"","record":""}'
NUMBERS = [NUMBER, "200000000000001", "200000000000002"]
BEA = "351900000002"


def request(name: str, contact: str = ANA, reference: str = "", due: int = 0) -> list[Any]:
    """Return the arguments with which a send is accepted."""
    id_ = name.ljust(24, "x")
    known = ["", f"{id_}0:0", 9, "", reference, ""]
    return [id_, contact, "reply", due, FAR, 0, "", "", ROW, *known]


def accept(store: Store, *names: str, number: str = NUMBER, **about: Any) -> list[str]:
    """Accept sends by one write; return their names."""
    args = [part for name in names for part in request(name, **about)]
    store.call("accept", keys.number(number), *args)
    return list(names)


def pages(
    store: Store, limit: int = 7, numbers: Sequence[str] = (NUMBER,), **wanted: Any
) -> list[list[str]]:
    """Return the names on all pages."""
    found, place = [], ListPlace(1 << 47)
    lists = MessageList(store, Bodies(), numbers, MessageFilter(**wanted))
    for _ in range(1_000):
        page = lists.read_page(place, limit)
        found.append([one.send.id.rstrip("x") for one in page.items])
        if page.end is None:
            return found
        assert page.end < place
        place = page.end
    raise AssertionError("the pages have no end")


def listed(store: Store, **wanted: Any) -> list[str]:
    return list(itertools.chain(*pages(store, **wanted)))


@pytest.mark.parametrize("limit", [1, 3, 8, 200])
def test_sends_of_several_numbers_are_merged_in_the_order_of_their_planning(
    store: Store, limit: int
) -> None:
    for n in range(12):  # what a script writes has one moment, so many are equal
        accept(store, f"a{n}b", f"c{n}b", number=NUMBERS[n % 3])

    found = listed(store, limit=limit, numbers=NUMBERS)

    assert len(found) == len(set(found)) == 24
    for n, number in enumerate(NUMBERS):
        own = [f"{letter}{i}b" for i in range(n, 12, 3) for letter in "ac"]
        assert [one for one in found if one in own] == own[::-1]
        assert listed(store, limit=limit, numbers=[number]) == own[::-1]


def test_a_page_reads_only_the_beginnings_of_the_lists(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        accept(store, *(f"s{n}b{i}b" for i in range(200)), number=NUMBERS[n % 3])
    asked: list[int] = []
    call_many = store.call_many

    def counted(calls: Sequence[Call]) -> list[Any]:
        asked.extend(call.args[3] for call in calls if call.script == "list_sends")
        return call_many(calls)

    monkeypatch.setattr(store, "call_many", counted)
    lists = MessageList(store, Bodies(), NUMBERS, MessageFilter())

    assert len(lists.read_page(None, 10).items) == 10
    assert sum(asked) < 60


def test_terms_lead_to_all_sends_through_all_generations(store: Store) -> None:
    ana = [name for n in range(0, 1_500, 100) for name in send_hundred(store, n)]

    assert raw(store).llen(f"{PREFIX}terms") >= 4
    assert listed(store, limit=50, recipient=ANA) == ana[::-1]
    assert listed(store, limit=200, reference="all") == ana[::-1]
    assert listed(store, recipient=BEA) == [f"b{n}b" for n in range(1_400, -1, -100)]
    assert listed(store, reference="none") == []


def send_hundred(store: Store, first: int) -> list[str]:
    names = [f"a{first + i}b" for i in range(99)]
    accept(store, *names, contact=ANA, reference="all")
    accept(store, f"b{first}b", contact=BEA)
    return names


def test_a_term_among_many_others_of_its_bucket_is_found_in_few_entries_a_look(
    store: Store,
) -> None:
    """A bucket holds 5,000 places of one reference, and one of another before them."""
    other = next(word for word in map(str, itertools.count()) if slot(word) == slot("hot"))
    accept(store, "first", reference=other)
    for n in range(0, 5_000, 500):
        accept(store, *(f"s{n + i}b" for i in range(500)), contact=BEA, reference="hot")

    place = store.call("list_sends", PREFIX, 1 << 47, 0, 0, 9, f"r{other}")

    assert len(place) == 2  # it read what it may, and says how far
    assert place[0] > 0
    assert listed(store, reference=other) == ["first"]


def slot(reference: str) -> int:
    """Return the bucket of a reference in a generation of 4,096, and so in all smaller ones."""
    return int.from_bytes(sha1(f"r{reference}".encode()).digest()[:4]) % 4_096


def test_sends_are_found_from_and_until_a_moment(store: Store) -> None:
    accept(store, "one")
    ((ms, _),) = places(store)
    raw(store).xadd(f"{PREFIX}listed", {"i": "later".ljust(24, "x")}, id=f"{ms + 5}-0")

    def within(since: int, before: int) -> int:
        found = store.call("list_sends", PREFIX, before, 0, since, 9)
        return (len(found) - 2) // 3

    assert within(ms, ms + 6) == 2
    assert within(ms + 1, ms + 6) == 1
    assert within(ms, ms + 5) == 1
    assert within(ms, ms) == 0


def places(store: Store) -> list[tuple[int, int]]:
    ids = [entry.decode().split("-") for entry, _ in raw(store).xrange(f"{PREFIX}listed")]
    return [(int(ms), int(nth)) for ms, nth in ids]


def test_sends_of_rules_are_listed_and_what_may_be_repeated_is_not(store: Store) -> None:
    queue_at_once(store, a_send("reply"), a_send("typing", repeatable=True))

    assert listed(store) == listed(store, recipient=ANA) == ["reply"]


def test_sends_of_campaigns_are_listed_and_counted_as_all_others(store: Store) -> None:
    campaign = a_campaign(store, 3)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    assert expand(store, BODIES, read(store, campaign)) == 3

    sends = listed(store)
    by_contact = [listed(store, recipient=phone(n)) for n in range(3)]

    assert sorted(sends) == sorted(itertools.chain(*by_contact))
    assert len(set(sends)) == 3
    assert counted_terms(store) == 3


def counted_terms(store: Store) -> int:
    """Return how many places of terms are counted, after comparing with how many there are."""
    counted = sum(map(int, raw(store).hgetall(f"{PREFIX}terms:count").values()))
    held = sum(raw(store).strlen(key) for key in raw(store).keys(f"{PREFIX}terms:*:*"))
    assert held == 14 * counted
    return counted


@pytest.mark.parametrize("same", [True, False])
def test_scheduled_sends_are_listed_by_their_moments_the_next_first(
    store: Store, same: bool
) -> None:
    now = now_ms(store)
    later = [accept(store, f"s{n}b", due=now + 10**8 + (0 if same else n))[0] for n in range(30)]
    accept(store, "now")

    found = pages(store, are_due_later=True, stages=frozenset({"queued"}))

    assert [len(page) for page in found] == [7, 7, 7, 7, 2]
    names = list(itertools.chain(*found))
    assert names == (sorted(later, key=lambda name: name.ljust(24, "x")) if same else later)


def test_a_scheduled_send_that_goes_while_pages_are_read_hides_no_other(store: Store) -> None:
    due = now_ms(store) + 10**8
    names = sorted(accept(store, *(f"s{n}b" for n in range(10)), due=due))
    wanted = MessageFilter(stages=frozenset({"queued"}), are_due_later=True)
    lists = MessageList(store, Bodies(), [NUMBER], wanted)
    first = lists.read_page(None, 4)
    store.call("change_send", PREFIX, first.items[-1].send.id, "cancel", 0, 0)

    rest = lists.read_page(first.end, 200)

    seen = [one.send.id.rstrip("x") for one in (*first.items, *rest.items)]
    assert sorted(seen) == names
    assert rest.end is None


def test_a_script_that_failed_half_way_leaves_no_send_twice_on_a_page(store: Store) -> None:
    call = Call("accept", PREFIX, request("asked", reference="order 17"))
    for _ in each_write(store, call):
        store.call(call.script, call.prefix, *call.args)

        assert listed(store, limit=200) == ["asked"]
        assert listed(store, limit=200, recipient=ANA) == ["asked"]
        assert listed(store, limit=200, reference="order 17") == ["asked"]


def test_a_page_examines_so_many_rows_and_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_EXAMINED", 20)
    accept(store, *(f"s{n}b" for n in range(50)))

    assert pages(store, stages=frozenset({"failed"})) == [[], [], []]


def test_lists_yield_with_the_records_of_their_time(store: Store) -> None:
    for n in range(0, 600, 100):
        accept(store, *(f"s{n + i}b" for i in range(100)), reference="all")
    generations = raw(store).llen(f"{PREFIX}terms")
    retention.prune(store, WEEK)
    assert raw(store).xlen(f"{PREFIX}listed") == 600

    dropped = 0
    while newly := store.call("prune", PREFIX, 0, 0, 0, 8):
        dropped += newly

    assert dropped >= 600
    assert generations > 1
    assert raw(store).xlen(f"{PREFIX}listed") == 0
    assert raw(store).llen(f"{PREFIX}terms") == 1
    assert listed(store, limit=200) == listed(store, limit=200, reference="all") == []
