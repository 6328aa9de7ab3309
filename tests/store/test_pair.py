"""One customer gets a message every six seconds, and 45 of them within a second."""

import pytest

from gateway.core.sending.outcome import Outcome
from gateway.core.sending.retry import MAX_BACKOFF_S
from gateway.core.sending.send import BULK
from gateway.store.redis.client import Store
from tests.support.factories import ANA
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    about_s,
    lanes,
    queue,
    ready_in_s,
    settle,
    take,
)

pytestmark = pytest.mark.store
BURST = 45
BEN = "351900000002"


def talk(store: Store, most: int = 60) -> int:
    """Send to one customer as long as it goes, and return how many went."""
    for sent in range(most):
        attempts = lanes(store).pump([], 1).attempts
        if not attempts:
            return sent
        (one,) = attempts
        lanes(store).pump([Outcome(one.send, one.ordinal, "accepted", f"wamid.{one.send}")], 0)
    return most


def spend(store: Store, messages: int, lane: str = ANA) -> None:
    """Let so many messages have gone to a customer just now."""
    paid = now_ms(store) + messages * 6_000
    raw(store).set(f"{PREFIX}pair:{lane}", paid, px=messages * 6_000)


def test_a_customer_gets_a_burst_and_then_has_to_wait(store: Store) -> None:
    spend(store, BURST - 5)  # all of it, one by one, may take a slow machine more than a second
    queue(store, *(a_send(f"s{i}") for i in range(10)))

    assert talk(store) == 4
    assert (ready_in_s(store) or 0) <= 2  # the last one, a second after the first


def test_others_do_not_wait_for_them(store: Store) -> None:
    spend(store, BURST)
    queue(store, a_send("ana"), a_send("ben", BEN))

    assert take(store) == ["ben"]


def test_what_was_earned_again_may_be_sent(store: Store) -> None:
    spend(store, BURST - 2)
    queue(store, a_send("one"), a_send("two"))

    assert talk(store) == 1


def test_both_ranks_share_what_a_customer_may_get(store: Store) -> None:
    spend(store, BURST)
    queue(store, a_send("bulk", priority=BULK))

    assert take(store) == []
    assert ready_in_s(store, ANA, BULK) == about_s(7)


def test_a_typing_is_no_message(store: Store) -> None:
    spend(store, BURST)
    queue(store, a_send("typing", repeatable=True))

    assert take(store) == ["typing"]


def test_a_refusal_for_the_pair_delays_this_conversation_only(store: Store) -> None:
    ana, after, ben = a_send("ana"), a_send("after"), a_send("ben", BEN)
    queue(store, ana, after, ben)
    take(store)

    settle(store, ana, "pair", wait_ms=64_000)
    settle(store, ben, "accepted", wamid="wamid.ben")
    queue(store, a_send("more", BEN))

    assert ready_in_s(store) == about_s(64)
    assert take(store) == ["more"]


def test_each_refusal_for_the_pair_is_counted_and_none_is_a_try(store: Store) -> None:
    ana = a_send("ana")
    queue(store, ana)
    for attempt in (1, 2):
        (one,) = lanes(store).pump([], 9).attempts
        assert (one.pair_refusals, one.tries) == (attempt - 1, 1)
        settle(store, ana, "pair", attempt, wait_ms=0)
        raw(store).delete(f"{PREFIX}pair:{ANA}")
        raw(store).zadd(f"{PREFIX}ready:reply", {ANA: now_ms(store)})

    (one,) = lanes(store).pump([], 9).attempts
    assert (one.ordinal, one.pair_refusals, one.tries) == (3, 2, 1)


def test_a_refusal_for_the_pair_never_shortens_the_wait(store: Store) -> None:
    ana = a_send("ana")
    queue(store, ana, a_send("after"))
    take(store)
    spend(store, BURST + 5)

    settle(store, ana, "pair", wait_ms=1_000)
    make_ready_again(store)

    assert take(store) == []
    assert ready_in_s(store) == about_s(37)


def make_ready_again(store: Store) -> None:
    raw(store).zadd(f"{PREFIX}ready:reply", {ANA: now_ms(store)})


def test_a_clock_that_stepped_back_silences_no_conversation(store: Store) -> None:
    spend(store, 10_000)
    queue(store, a_send("one"), a_send("two"))

    assert talk(store) == 2


def test_the_longest_wait_for_a_pair_is_no_step_back(store: Store) -> None:
    ana = a_send("ana")
    queue(store, ana)
    take(store)

    settle(store, ana, "pair", wait_ms=int(MAX_BACKOFF_S * 1_000))
    make_ready_again(store)

    assert take(store) == []
