"""A store of layout 1 becomes one of layout 2, once, wherever it was ended before."""

from datetime import UTC, datetime
from typing import Any

import pytest
from redis.exceptions import ResponseError

from gateway.core.events import Message
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.maintenance import retention
from gateway.store.maintenance.migration import Migration, MigrationError, Progress
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.server.inspection import check_server
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.store.compacted_sends import compact, due_in_ms
from tests.support.store.dead_sends import died
from tests.support.store.inbox_state import inbox, read, standing
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, lanes, queue, settle, take

pytestmark = pytest.mark.store
DAY = keys.DAY_MS
WEEKS_AGO = datetime(2026, 11, 1, tzinfo=UTC)
ONE, DEAD, WAITS = a_send("one", "1"), a_send("dead", "2"), a_send("waits", "3")


def keep(store: Store, *bodies: bytes, index: int) -> list[str]:
    """Keep deliveries where layout 1 did: it knew eight partitions, and statuses had none."""
    header_and_record = [part for body in bodies for part in (b"meta|0|", Bodies().pack(body))]
    entries = store.call("keep", keys.partition(index), *header_and_record)
    return [entry.decode() for entry in entries]


def a_store_of_layout_1(store: Store) -> tuple[str, str, str]:
    """Write what layout 1 left; return an entry that is done, one aside, and one that waits."""
    number_list.add_number(store, NUMBER)
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.one")
    died(store, DEAD)
    queue(store, WAITS)
    for send in (ONE, DEAD):
        raw(store).pexpire(f"{PREFIX}send:{send.id}", 20 * DAY)
    raw(store).delete(f"{PREFIX}finished")
    raw(store).rename(f"{PREFIX}tokens", f"{PREFIX}pace")
    raw(store).hset(f"{PREFIX}pace", "granted", 250)
    bodies = (delivery_body(message_item(f"wamid.{i}", f"{i}")) for i in range(3))
    done, aside, waiting = keep(store, *bodies, index=3)
    partition = keys.partition(3)
    lease = {"cursor": aside, "fence": 7, "holder": "old", "till": now_ms(store) + 4_000}
    raw(store).hset(f"{partition}lease", mapping=lease | {"careful": waiting})
    raw(store).hset(f"{partition}count", "passed", 2)
    raw(store).hset(f"{partition}suspects", f"3:{waiting}", 2)
    raw(store).zadd(f"{partition}aside", {aside: now_ms(store)})
    raw(store).hset(f"{partition}aside:tries", aside, 1)
    raw(store).set(keys.LAYOUT_KEY, "1/8")
    return done, aside, waiting


def migrate(store: Store, steps: int | None = None) -> list[Progress]:
    """Migrate, or die after so many steps."""
    done: list[Progress] = []
    for progress in Migration(store, wait=lambda _: None).run(2):
        done.append(progress)
        if len(done) == steps:
            break
    raw(store).delete(keys.MIGRATION)  # the turn of who died is over in a minute
    return done


def test_a_store_of_layout_1_is_refused_until_it_is_migrated(store: Store) -> None:
    a_store_of_layout_1(store)
    assert "gateway migrate" in " ".join(check_server(store).fatal)

    assert migrate(store)

    assert not check_server(store).fatal
    assert raw(store).get(keys.LAYOUT_KEY) == b"2/12"
    assert migrate(store) == []


@pytest.mark.parametrize("ended_after", [None, *range(1, 18)])
def test_wherever_a_migration_was_ended_the_next_one_completes_it(
    store: Store, ended_after: int | None
) -> None:
    done, aside, waiting = a_store_of_layout_1(store)
    if ended_after:
        migrate(store, ended_after)

    migrate(store)

    found = standing(store, 3)
    assert (found.cursor, found.waiting, found.deferred) == (aside, 2, 1)
    with inbox(store).lease() as held:
        batch = held.next_batch()
        assert not batch.is_careful
        texts = [event.text for event in batch.events if isinstance(event, Message)]
    assert texts == ["1", "2"]  # what was aside, then what waits
    assert retention.trim(store, WEEK * 0) == 1  # what is aside is in order, and is not trimmed
    assert raw(store).hget(f"{PREFIX}tokens", "granted") == b"250"
    assert due_in_ms(store, DEAD) > 29 * DAY
    assert -10 * DAY < due_in_ms(store, ONE) <= -9 * DAY  # it was given thirty days ten days ago
    assert raw(store).pttl(f"{PREFIX}send:{ONE.id}") == -1
    assert compact(store, early_ms=0) == 1
    assert [one.send for one in lanes(store).pump([], 9).attempts] == [WAITS.id]
    assert not raw(store).exists(keys.MIGRATED)
    del done, waiting


def test_whoever_still_runs_of_layout_1_can_take_nothing(store: Store) -> None:
    a_store_of_layout_1(store)
    migrate(store)

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        raw(store).hmget(f"{keys.partition(3)}lease", "holder", "till", "fence", "cursor")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        raw(store).hmget(f"{PREFIX}pace", "tokens", "at")


def test_what_a_web_process_of_layout_1_still_keeps_is_taken_over(store: Store) -> None:
    a_store_of_layout_1(store)
    migrate(store)
    statuses = delivery_body(statuses=[status_item("wamid.x", "sent")])
    assert partition_of(statuses) >= 8

    keep(store, statuses, index=5)

    with inbox(store).lease() as held:
        assert read(held.next_batch())[-1].encode() == statuses


def test_what_was_known_before_is_known_afterwards(store: Store) -> None:
    message = Message(
        key=f"message|{NUMBER}|wamid.k", delivery="3:1-0", item=0, number=NUMBER, contact="351",
        at=WEEKS_AGO, raw={}, id="wamid.k", type="text", text="hi",
    )  # fmt: skip
    commit(store, planned(store, message), WEEK)
    a_store_of_layout_1(store)

    migrate(store)

    assert planned(store, message) == []


def test_only_one_migrates_and_only_what_it_knows(store: Store) -> None:
    a_store_of_layout_1(store)
    first = Migration(store, wait=lambda _: None).run(1)
    next(first)
    with pytest.raises(MigrationError, match="Somebody else"):
        next(Migration(store).run(1))

    raw(store).set(keys.LAYOUT_KEY, "9/1")
    with pytest.raises(MigrationError, match="layout 9/1"):
        next(Migration(store).run(1))


def test_an_empty_store_needs_no_migration(store: Store) -> None:
    assert migrate(store) == []


def test_a_large_store_is_migrated_in_bounded_steps(store: Store) -> None:
    a_store_of_layout_1(store)
    pipe: Any = raw(store).pipeline(transaction=False)
    for i in range(5_000):
        row = {"stage": "read", "rung": 7, "attempts": 1, "lane": "1", "rank": "reply"}
        pipe.hset(f"{PREFIX}send:old{i}", mapping=row)
        pipe.pexpire(f"{PREFIX}send:old{i}", 20 * DAY)
    pipe.execute()

    steps = [one for one in migrate(store) if one.step == "sends"]

    assert steps[-1].sends == 5_002
    assert len(steps) > 5
    assert raw(store).zcard(f"{PREFIX}finished") == 5_002
