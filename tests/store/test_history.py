"""The inbox is read as it was kept: in order, between moments, and without what is ours."""

from datetime import timedelta

import pytest

from gateway.core.events import Delivery
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.history import STEP, History
from gateway.store.redis.client import Store
from tests.support.factories import NOW, delivery_body, message_item
from tests.support.store.inbox_state import inbox, keep
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


def put(store: Store, index: int, entry: str, text: str, header: str = "meta|0|") -> None:
    """Keep a delivery at a moment of its own."""
    name = f"{keys.partition(index)}inbox"
    raw(store).xadd(name, {"h": header, "b": Bodies().pack(text.encode())}, id=entry)


def read(store: Store, *args: object) -> list[str]:
    history = History(store, Bodies())
    return [one.body.decode() for one in history.deliveries(*args)]  # type: ignore[arg-type]


def test_deliveries_of_all_partitions_come_in_the_order_in_which_they_were_kept(
    store: Store,
) -> None:
    for index, entry in ((3, "1000-0"), (5, "999-0"), (3, "1000-11"), (1, "1000-2")):
        put(store, index, entry, f"{index} {entry}")

    assert read(store) == ["5 999-0", "3 1000-0", "1 1000-2", "3 1000-11"]


def test_more_than_one_step_of_a_partition_is_read_whole(store: Store) -> None:
    for i in range(2 * STEP + 1):
        put(store, 2, f"1000-{i}", str(i))

    assert read(store) == [str(i) for i in range(2 * STEP + 1)]
    assert History(store, Bodies()).count() == 2 * STEP + 1


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, ["a", "b", "c"]),
        (1, None, ["b", "c"]),
        (None, 1, ["a", "b"]),
        (1, 1, ["b"]),
        (-(10**9), 10**9, ["a", "b", "c"]),
        (2, 1, []),
        (None, -(10**10), []),
    ],
)
def test_only_what_was_kept_between_two_moments_is_read(
    store: Store, since: int | None, until: int | None, found: list[str]
) -> None:
    began = dead_letters.server_time(store) - timedelta(seconds=60)
    for second, text in enumerate("abc"):
        put(store, 0, f"{int((began.timestamp() + second) * 1000)}-0", text)
    moments = (None if at is None else began + timedelta(seconds=at) for at in (since, until))

    assert read(store, *moments) == found


def test_what_arrives_after_the_first_reading_is_in_no_other(store: Store) -> None:
    history = History(store, Bodies())
    for index, text in ((0, "before"), (0, "after"), (1, "elsewhere")):
        keep(store, index, text)
        assert [one.body for one in history.deliveries()] == [b"before"]


def test_what_is_ahead_of_a_clock_that_stepped_back_is_read(store: Store) -> None:
    ahead = int((dead_letters.server_time(store).timestamp() + 3600) * 1000)
    put(store, 0, f"{ahead}-0", "ahead")
    keep(store, 0, "now")

    assert read(store) == ["ahead", "now"]


def test_a_delivery_is_told_with_where_and_when_it_was_kept(store: Store) -> None:
    put(store, 4, "1795375301552-3", "{}", "replay|1|shop")
    (found,) = History(store, Bodies()).deliveries()

    assert found == Delivery("4:1795375301552-3", found.received_at, b"{}", "shop", "1", "replay")
    assert int(found.received_at.timestamp() * 1000) == 1795375301552


def test_what_the_gateway_put_back_itself_is_left_out(store: Store) -> None:
    inbox(store).append_internal(b'{"what": "canary", "key": "1"}')
    keep(store, 0, "a")

    assert read(store) == ["a"]


def test_what_cannot_be_opened_is_counted_and_the_rest_is_read(store: Store) -> None:
    keep(store, 0, "a", bodies=Bodies([b"k" * 32]))
    keep(store, 0, "b")
    history = History(store, Bodies())

    assert [one.body for one in history.deliveries()] == [b"b"]
    assert history.unopened == 1


def test_what_is_replayed_stands_in_its_order_and_is_told_from_what_meta_posted(
    store: Store,
) -> None:
    bodies = [delivery_body(message_item(f"wamid.{i}")) for i in range(3)]
    inbox(store).replay(bodies)

    with inbox(store).lease() as held:
        found = held.next_batch().deliveries
    assert [one.body for one in found] == bodies
    assert {one.origin for one in found} == {"replay"}
    assert all(event.replayed for one in found for event in split(one))
    assert not any(event.replayed for event in split(Delivery("0:1-0", NOW, bodies[0])))
