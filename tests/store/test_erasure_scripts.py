"""Scripts that erase may fail at any write: running them again erases the rest."""

from collections.abc import Callable

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Call, Store
from gateway.store.sending.lookup import read_sends
from tests.support.factories import ANA, NUMBER
from tests.support.store.compacted_sends import compact
from tests.support.store.dead_sends import died
from tests.support.store.failing_scripts import dump, each_write, everything, restore
from tests.support.store.inbox_state import inbox, keep, late, standing
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, a_send, lanes, queue, settle, take

pytestmark = pytest.mark.store
BOB = "351900000002"
OVER_AFTER_MS = 60_000


def heals(store: Store, call: Call) -> dict[bytes, object]:
    """Hold a call that is repeated after each failing write against one that did not fail."""
    begin = dump(store)
    run(store, call)()
    wanted = everything(store)
    restore(store, begin)
    for at in each_write(store, call):
        run(store, call)()
        assert everything(store) == wanted, f"after write {at}"
    run(store, call)()
    return everything(store)


def run(store: Store, call: Call) -> Callable[[], object]:
    return lambda: store.call(call.script, call.prefix, *call.args)


def erase(*names: str) -> Call:
    return Call("erase_sends", PREFIX, [OVER_AFTER_MS, *(name.ljust(24, "x") for name in names)])


def send_keys(store: Store) -> list[bytes]:
    return [key for key in raw(store).keys("*") if b"}:send:" in key or b"}:lane:" in key]


def test_a_send_that_waits_is_erased_at_whichever_write_it_failed(store: Store) -> None:
    queue(store, a_send("first"))

    heals(store, erase("first"))

    assert send_keys(store) == []
    assert lanes(store).pump([], 9).attempts == []


def test_a_send_is_erased_and_its_neighbours_go_on(store: Store) -> None:
    queue(store, a_send("first"), a_send("second"))

    store.call("erase_sends", PREFIX, OVER_AFTER_MS, "first".ljust(24, "x"))

    assert take(store) == ["second"]


def test_a_dead_letter_is_erased_at_whichever_write_it_failed(store: Store) -> None:
    letter = died(store, a_send("first"))

    heals(store, erase("first"))

    assert dead_letters.find(store, letter.id, [NUMBER]) is None
    assert send_keys(store) == []


def test_a_compacted_send_is_erased_with_its_text(store: Store) -> None:
    send = a_send("first")
    queue(store, send)
    take(store)
    settle(store, send, "accepted", wamid="wamid.out")
    assert compact(store) == 1

    heals(store, erase("first"))

    assert raw(store).xlen(f"{PREFIX}done:reply") == raw(store).xlen(f"{PREFIX}texts") == 0
    assert read_sends(store, Bodies(), NUMBER, [send.id])[0].stage == ""


def test_a_send_that_is_being_posted_stays_until_its_process_must_have_ended(store: Store) -> None:
    queue(store, a_send("first"))
    take(store)
    call = erase("first")

    now = store.call(call.script, PREFIX, *call.args)
    raw(store).hincrby(f"{PREFIX}send:{'first'.ljust(24, 'x')}", "attempting_at", -OVER_AFTER_MS)
    later = store.call(call.script, PREFIX, *call.args)

    assert (now, later) == ([-1], [1])
    assert send_keys(store) == []


def test_a_send_whose_keys_are_damaged_is_erased_all_the_same(store: Store) -> None:
    send = "damaged".ljust(24, "x")
    raw(store).set(f"{PREFIX}send:{send}", "no row")
    queue(store, a_send("first"))
    raw(store).set(f"{PREFIX}finished", "no list")

    found = store.call("erase_sends", PREFIX, OVER_AFTER_MS, send, "first".ljust(24, "x"))

    assert found == [1, 1]
    assert send_keys(store) == []


def know(store: Store, name: str) -> Contact:
    plan = Plan(NUMBER, Contact(name, wa_id=name), changed=True, events=())
    assert commit(store, [plan], WEEK) == [True]
    return find_contact(store, NUMBER, name)


@pytest.mark.parametrize("since", ["", "1"])
def test_a_contact_is_erased_at_whichever_write_it_failed(store: Store, since: str) -> None:
    version, names = know(store, ANA).version, (ANA, BOB)
    calls = [
        Call("erase_contact", PREFIX, [since, "salt", 1, ANA, each, *names])
        for each in (version, "")
    ]
    begin = dump(store)
    run(store, calls[0])()
    wanted = everything(store)
    restore(store, begin)

    for at in each_write(store, calls[0]):
        known = find_contact(store, NUMBER, ANA).version
        run(store, calls[0 if known else 1])()
        assert everything(store) == wanted, f"after write {at}"

    assert find_contact(store, NUMBER, ANA).version == ""
    assert (find_contact(store, NUMBER, BOB).opted_out_at is not None) is bool(since)


def test_a_contact_that_changed_or_has_a_send_that_waits_is_not_erased(store: Store) -> None:
    version = know(store, ANA).version

    changed = store.call("erase_contact", PREFIX, "", "salt", 1, ANA, "older", ANA)
    queue(store, a_send("first"))
    waits = store.call("erase_contact", PREFIX, "", "salt", 1, ANA, version, ANA)

    assert (changed, waits) == (0, -1)
    assert find_contact(store, NUMBER, ANA).version == version


@pytest.mark.parametrize("left", [b"", b"left for others"])
def test_a_committed_delivery_is_erased_at_whichever_write_it_failed(
    store: Store, left: bytes
) -> None:
    (place,) = keep(store, 2, "body")
    pass_all(store)

    heals(store, erase_delivery(place, left))

    copy = raw(store).hgetall(f"{keys.partition(2)}redacted:{place.partition(':')[2]}")
    assert raw(store).xlen(f"{keys.partition(2)}inbox") == 0
    assert copy == ({b"h": b"redacted||", b"b": left} if left else {})


def test_a_deferred_delivery_of_nobody_else_is_erased_at_whichever_write_it_failed(
    store: Store,
) -> None:
    (place,) = keep(store, 2, "body")
    pass_all(store, place)

    heals(store, erase_delivery(place, b""))

    assert (standing(store, 2).deferred, standing(store, 2).waiting) == (0, 0)


@pytest.mark.parametrize("is_deferred", [True, False])
def test_a_delivery_that_waits_for_its_effect_on_others_is_not_erased(
    store: Store, is_deferred: bool
) -> None:
    (place,) = keep(store, 2, "body")
    if is_deferred:
        pass_all(store, place)
    call = erase_delivery(place, b"left for others")

    assert store.call(call.script, call.prefix, *call.args) == 0
    assert raw(store).xlen(f"{keys.partition(2)}inbox") == 1


def test_a_deferred_delivery_that_a_worker_has_in_hand_is_not_erased(store: Store) -> None:
    (place,) = keep(store, 2, "body")
    pass_all(store, place)
    aside = f"{keys.partition(2)}aside"
    raw(store).zadd(aside, {place.partition(":")[2]: 0})
    call = erase_delivery(place, b"")

    with inbox(store).lease() as held:
        held.next_batch()
        during = store.call(call.script, call.prefix, *call.args)
    after = store.call(call.script, call.prefix, *call.args)

    assert (during, after) == (0, 1)


def erase_delivery(place: str, left: bytes) -> Call:
    args = [place.partition(":")[2], "redacted||", left, keys.DAY_MS]
    return Call("erase_delivery", keys.partition(2), args)


def pass_all(store: Store, *deferred: str) -> None:
    with inbox(store).lease() as held:
        held.next_batch()
        held.close(late(*deferred))
