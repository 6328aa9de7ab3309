"""What is left of finished sends yields as well: texts at once, results not before their time."""

from datetime import timedelta

import pytest

from gateway.core.dead_letters.dead_letter import DeadSend
from gateway.core.sending.send import PRIORITIES
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.maintenance import retention
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.sending.compaction import Compaction
from gateway.store.server.health import ServerHealth
from tests.bench.room import Answered
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.compacted_sends import compact
from tests.support.store.dead_sends import died
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK, a_send, queue, settle, take

pytestmark = pytest.mark.store
A_TINY_LIMIT, MB = 1, 1 << 20
AT_ONCE, A_DAY = timedelta(0), timedelta(days=1)


def finish(store: Store, count: int, rank: str = "reply", first: int = 0) -> list[str]:
    """Compact so many sends, each of a customer of its own."""
    number_list.add_number(store, NUMBER)
    sends = [a_send(f"send{i}", f"3519{i:08d}", priority=rank) for i in range(first, first + count)]
    queue(store, *sends)
    take(store, count)
    for send in sends:
        settle(store, send, "accepted", wamid=f"wamid.{send.id}")
    assert compact(store) == count
    return [send.id for send in sends]


def left(store: Store, ids: list[str]) -> tuple[int, int]:
    """Return of how many sends something is left, and of how many the text."""
    found = send_rows.read_rows(store, Bodies(), NUMBER, ids)
    return sum(bool(one.fields) for one in found), sum(
        bool(one.fields and one.has_text) for one in found
    )


def yield_all(store: Store, results: timedelta) -> None:
    while retention.make_room(store, A_TINY_LIMIT, results):
        pass


@pytest.mark.parametrize("rank", PRIORITIES)
def test_texts_yield_and_results_stay_for_as_long_as_was_asked_for(store: Store, rank: str) -> None:
    ids = finish(store, 150, rank)

    yield_all(store, A_DAY)
    assert left(store, ids) == (150, 0)

    yield_all(store, AT_ONCE)
    assert left(store, ids) == (0, 0)


def test_the_oldest_go_first_and_not_all_of_them(store: Store) -> None:
    older, newer = finish(store, 150), finish(store, 150, first=150)

    retention.make_room(store, A_TINY_LIMIT, AT_ONCE)

    # Whole nodes go, of a hundred entries at most.
    assert 40 <= left(store, older)[0] <= 100
    assert left(store, newer)[0] == 150


def test_the_way_to_what_has_gone_goes_as_well_but_for_the_latest(store: Store) -> None:
    finish(store, 600)
    assert raw(store).llen(f"{PREFIX}index") == 2
    before = len(raw(store).keys(f"{PREFIX}index:*:*"))

    yield_all(store, AT_ONCE)
    assert raw(store).llen(f"{PREFIX}index") == 1
    assert len(raw(store).keys(f"{PREFIX}index:*:*")) < before
    ids = finish(store, 10, first=600)

    assert left(store, ids) == (10, 10)


def test_nothing_goes_while_there_is_room(store: Store) -> None:
    ids = finish(store, 20)

    assert retention.make_room(store, 1 << 50, AT_ONCE) == 0
    assert left(store, ids) == (20, 20)


def test_cleanup_drops_what_is_older_than_it_is_to_live(store: Store) -> None:
    ids = finish(store, 20)

    assert retention.prune(store, WEEK) == 0
    assert retention.prune(store, AT_ONCE) == 20
    assert left(store, ids) == (20, 0)


@pytest.mark.parametrize(
    ("used", "early_ms"), [(59, 0), (61, keys.DAY_MS), (69, keys.DAY_MS), (71, float("inf"))]
)
def test_the_fuller_the_store_the_earlier_sends_are_compacted(used: int, early_ms: float) -> None:
    assert ServerHealth(used_bytes=used, limit_bytes=100).early_ms == early_ms


def test_rows_of_dead_letters_are_the_last_to_yield_and_stay_on_the_list(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    send = a_send("dead")
    died(store, send)

    assert compact(store, ServerHealth(used_bytes=69, limit_bytes=100).early_ms) == 0
    assert compact(store, ServerHealth(used_bytes=71, limit_bytes=100).early_ms) == 1

    letter = dead_letters.find(store, send.id, [NUMBER])
    assert isinstance(letter, DeadSend)
    assert (letter.cause, letter.body) == ("refused", send.body)
    assert dead_letters.redrive(store, letter) == "redriven"


def test_answered_messages_are_kept_on_and_on_in_a_small_store(own: Server) -> None:
    store = Store(own.url)
    limit = 6 * MB
    answered = Answered(store, 200)
    compaction = Compaction(store, Bodies(), WEEK)
    number_list.add_number(store, NUMBER)

    for _ in range(12):  # twice what would fill the store if rows stayed
        answered.answer()
        for _ in range(8):  # what eight seconds do
            health = retention.memory_health(store, limit)
            if not health.is_short:
                break
            retention.make_room(store, limit, AT_ONCE)
            compaction.run([NUMBER], health.early_ms, budget_s=10)
        assert not retention.memory_health(store, limit).is_full

    store.close()
