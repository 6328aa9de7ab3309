"""Replies go first, then notices, then bulk sends; each that waits gets one token in twenty."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import BULK, NOTICE, PRIORITIES, REPLY
from gateway.store.redis.client import Store
from tests.support.factories import ANA
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    lanes,
    make_ready,
    queue,
    queue_at_once,
    settle,
    take,
)

pytestmark = pytest.mark.store
MANY = 40  # more lanes than a call takes
EVERY = 20


def wait_in_each(store: Store, counts: dict[str, int]) -> None:
    """Let so many lanes of each priority wait; their sends may be taken again and again."""
    sends = [
        a_send(f"{rank}{i}", f"{rank}{i}", priority=rank, repeatable=True)
        for rank, count in counts.items()
        for i in range(count)
    ]
    if sends:
        queue_at_once(store, *sends)


class Taker:
    """A worker that takes sends, and gives all of them back with its next call."""

    def __init__(self, store: Store) -> None:
        self.store, self.back = store, list[Any]()
        self.taken: Counter[str] = Counter()

    def take(self, most: int) -> Counter[str]:
        """Take so many with a full bucket; return how many of each priority."""
        raw(self.store).hset(f"{PREFIX}tokens", mapping={"tokens": 100, "at": now_ms(self.store)})
        attempts = lanes(self.store).pump(self.back, most).attempts
        self.back = [Outcome(one.send, one.ordinal, "later", wait_ms=0) for one in attempts]
        now = Counter(one.priority for one in attempts)
        self.taken += now
        return now


@given(
    st.fixed_dictionaries({rank: st.sampled_from([0, 1, 7, MANY]) for rank in PRIORITIES}),
    st.lists(st.integers(1, MANY), min_size=1, max_size=25) | st.just([1] * 45),
)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_whatever_waits_gets_its_share_and_replies_are_first(
    store: Store, counts: dict[str, int], calls: list[int]
) -> None:
    raw(store).flushall()
    wait_in_each(store, counts)
    taker, spent = Taker(store), 0

    for most in calls:
        now = taker.take(most)
        spent += now.total()

        assert now.total() == min(most, sum(counts.values())), "no token is left unused"
        for rank in (NOTICE, BULK):
            if counts[rank] == MANY:
                assert taker.taken[rank] >= spent // EVERY, "its share, however few a call has"
    if counts[REPLY] == MANY:
        for rank, every in ((NOTICE, EVERY - 1), (BULK, EVERY)):
            assert taker.taken[rank] <= spent // every, "no more while replies wait"
    if counts[REPLY] == 0 and counts[NOTICE] == MANY:
        assert taker.taken[BULK] <= spent // EVERY, "notices go before bulk sends"


def test_replies_then_notices_then_bulk_sends_are_taken(store: Store) -> None:
    queue(store, *(a_send(rank, rank, priority=rank) for rank in reversed(PRIORITIES)))

    assert [take(store, 1) for _ in PRIORITIES] == [[REPLY], [NOTICE], [BULK]]


def test_where_both_are_due_with_one_token_each_comes_within_twenty(store: Store) -> None:
    wait_in_each(store, dict.fromkeys(PRIORITIES, MANY))
    raw(store).hset(f"{PREFIX}tokens", mapping={"owed_notices": EVERY - 2, "owed": EVERY - 1})
    taker = Taker(store)

    first, second = taker.take(1), taker.take(1)

    assert (first, second) == ({BULK: 1}, {NOTICE: 1})


def test_a_share_that_bulk_sends_cannot_use_goes_to_replies_and_then_to_notices(
    store: Store,
) -> None:
    held = [a_send(f"held{i}", f"held{i}", priority=BULK, rule="held") for i in range(5)]
    queue(store, *held)
    for i in range(5):  # what is held is found only when its turn comes
        raw(store).hset(f"{PREFIX}stops", "rule:held", "{}")
        make_ready(store, f"held{i}", BULK)
    wait_in_each(store, {REPLY: 21, NOTICE: 21})
    raw(store).hset(f"{PREFIX}tokens", mapping={"tokens": 100, "at": now_ms(store), "owed": 20})

    found = Counter(one.priority for one in lanes(store).pump([], 40).attempts)

    assert found == {REPLY: 21, NOTICE: 19}


def test_a_worker_that_knows_no_notices_leaves_them_to_one_that_does(store: Store) -> None:
    """An older release counts `owed` alone, and never asks for lanes of notices."""
    queue(store, a_send("one"), a_send("two", priority=NOTICE), a_send("three", priority=BULK))
    raw(store).hset(f"{PREFIX}tokens", "owed", 7)

    assert sorted(take(store)) == ["one", "three", "two"]


def test_messages_to_one_customer_have_an_order_within_each_priority(store: Store) -> None:
    first, second = a_send("first", priority=NOTICE), a_send("second", priority=NOTICE)
    queue(store, first, second, a_send("reply"))

    assert sorted(take(store)) == ["first", "reply"]
    settle(store, first, "accepted", wamid="wamid.1")
    assert take(store) == ["second"]
    assert raw(store).zscore(f"{PREFIX}ready:notice", ANA) is not None
