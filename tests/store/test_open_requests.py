"""Requests that wait: their sends taken back, joined and reported, in the store."""

from typing import Any

import pytest

from gateway.core.sending.outcome import Outcome
from gateway.store import keys
from gateway.store.redis.client import Call, Store
from tests.store.test_heal import heals
from tests.support.factories import ANA, NUMBER
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, a_send, lanes, settle, stage, take, tell

pytestmark = pytest.mark.store
ONE = a_send("one")
NAME = "f" * 32
ROW = f"{PREFIX}idempotent:{NAME}"


def ask(store: Store, waiter: str = "web") -> Any:
    """Accept a send for a request that waits; return what an earlier one was answered."""
    known = [NAME, f"{ONE.id}fingerprint0:0", 120_000]
    send = [ONE.id, ANA, "reply", 0, 1 << 45, 0, "", "", '{"rule":"","body":{}}']
    return store.call("accept", PREFIX, *send, *known, "", "", waiter)[0]


def change(store: Store, verb: str, name: str = NAME, send: str = ONE.id) -> bytes:
    reply: bytes = store.call("change_send", keys.number(NUMBER), send, verb, 0, 0, name)
    return reply


def test_a_send_that_was_not_attempted_is_withdrawn_with_its_request(store: Store) -> None:
    ask(store)

    assert change(store, "withdraw") == b"done"
    assert (stage(store, ONE), raw(store).exists(ROW), take(store)) == ("cancelled", 0, [])
    assert ask(store) is None  # the same request asks for another send


@pytest.mark.parametrize("step", ["later", "rests", "pair", "paused"])
def test_a_send_that_meta_refused_for_now_is_withdrawn(store: Store, step: str) -> None:
    ask(store)
    take(store)
    settle(store, ONE, step, wait_ms=90_000, error_json='{"reason":"r"}')

    assert change(store, "withdraw") == b"done"
    assert stage(store, ONE) == "cancelled"


def test_a_send_that_meta_may_have_is_not_withdrawn(store: Store) -> None:
    ask(store)
    take(store)
    assert change(store, "withdraw") == b"attempting"
    settle(store, ONE, "unconfirmed", wait_ms=1 << 45)
    assert change(store, "withdraw") == b"unconfirmed"
    # As after evidence that let it be posted again: Meta may have the first attempt.
    raw(store).hset(f"{PREFIX}send:{ONE.id}", mapping={"stage": "queued", "rung": 0})

    assert change(store, "withdraw") == b"queued"
    assert raw(store).exists(ROW)


def test_a_request_is_forgotten_only_by_its_own_send(store: Store) -> None:
    ask(store)

    change(store, "forget", send="another".ljust(24, "x"))
    assert raw(store).exists(ROW)
    change(store, "forget")
    assert not raw(store).exists(ROW)


def test_each_write_of_taking_back_may_fail(store: Store) -> None:
    ask(store)
    args = (ONE.id, "withdraw", 0, 0, NAME)

    def again() -> None:
        assert store.call("change_send", PREFIX, *args) == b"done"

    assert heals(store, Call("change_send", PREFIX, args), again) > 4


def test_the_process_that_asked_last_is_woken_once_the_send_is_over(store: Store) -> None:
    ask(store, "first")
    ask(store, "second")
    with raw(store).pubsub(ignore_subscribe_messages=True) as channel:
        channel.psubscribe(f"{keys.WAITERS}*")
        channel.get_message(timeout=60)
        take(store)
        settle(store, ONE, "later", error_json="{}")
        take(store)
        settle(store, ONE, "accepted", 2, wamid="wamid.out")
        tell(store, "delivered", ONE, "wamid.out", 2)
        heard = [channel.get_message(timeout=60) for _ in range(2)]

    assert [one and one["channel"] for one in heard] == [b"gw:waiters:second"] * 2
    assert {one and one["data"] for one in heard} == {ONE.id.encode()}


def test_a_send_that_nobody_waits_for_publishes_nothing(store: Store) -> None:
    ask(store, "")
    take(store)
    before = raw(store).info("commandstats").get("cmdstat_publish", {}).get("calls", 0)
    lanes(store).pump([Outcome(ONE.id, 1, "accepted", "wamid.out")], 0)

    after = raw(store).info("commandstats").get("cmdstat_publish", {}).get("calls", 0)
    assert before == after
