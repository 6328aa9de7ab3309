"""What became of every reply: how often Meta saw it, and the stage in which the gateway has it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from gateway.core.sending.compact_record import read_row
from gateway.store import keys
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import wait_until
from tests.support.stack import Stack

PREFIX = keys.number(NUMBER)


def asking(count: int, name: str = "f", contacts: int = 150) -> list[bytes]:
    """Return deliveries that ask for one reply each."""
    return [
        delivery_body(message_item(f"wamid.{name}{i}", "color", f"3519{i % contacts:08d}"))
        for i in range(count)
    ]


@contextmanager
def reaching(stack: Stack, **addresses: str) -> Iterator[None]:
    """Let the processes that are started meanwhile use other addresses."""
    before = dict(stack.env)
    stack.env.update(addresses)
    try:
        yield
    finally:
        stack.env.clear()
        stack.env.update(before)


def stages(stack: Stack) -> dict[str, str]:
    """Return the stage of every send on record."""
    with redis.Redis.from_url(stack.server.url, decode_responses=True) as client:
        rows: Any = list(client.scan_iter(f"{PREFIX}send:*", 1000))
        pipe = client.pipeline(transaction=False)
        for row in rows:
            pipe.hget(row, "stage")
        there = {
            row.removeprefix(f"{PREFIX}send:"): str(stage)
            for row, stage in zip(rows, pipe.execute(), strict=True)
            if stage
        }
    return compacted(stack) | there


def compacted(stack: Stack) -> dict[str, str]:
    """Return the same of those that were read, or ended, and have no row any more."""
    with redis.Redis.from_url(stack.server.url) as client:
        kept: Any = [client.xrange(f"{PREFIX}done:{rank}") for rank in ("reply", "bulk")]
    records = (read_row(fields[b"r"]) for entries in kept for _, fields in entries)
    return {send: row["stage"] for send, row in records}


def ledger(stack: Stack) -> Counter[tuple[int, str]]:
    """Count the sends by how often Meta saw them and by their stage."""
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    kept = stages(stack)
    assert set(posts) <= set(kept), "Meta was posted a send that is not on record"
    return Counter((posts[send], stage) for send, stage in kept.items())


def accounted_for(stack: Stack, sends: int) -> bool:
    """Say whether each of so many sends was posted, or is on record as in doubt.

    Who takes an attempt and dies, or loses its server before the answer comes, leaves a doubt.
    """
    return len(stack.posted()) + stack.metrics()["gateway_unconfirmed_sends"] == sends


def assert_each_posted_once_or_in_doubt(stack: Stack, sends: int) -> None:
    """Every message has a send on record; one that was not posted is known to be in doubt."""
    found = ledger(stack)
    assert found.total() == sends
    assert {posts for posts, _ in found} <= {0, 1}
    assert {stage for posts, stage in found if not posts} <= {"unconfirmed"}


def at_rest(
    stack: Stack, within_s: float = 120.0, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Wait until nothing waits, and no status is still to come."""

    def pending() -> int:
        return int(stack.client.get(f"{stack.meta_url}/sandbox/log").json()["webhooks"]["pending"])

    def resting() -> bool:
        meanwhile()
        return stack.idle() and not pending() and stack.idle()

    try:
        wait_until(resting, "nothing waits", within_s)
    except AssertionError as late:
        raise AssertionError(f"{late}; {stack.waiting()}, {pending()} at Meta") from None


def places(client: Any) -> Counter[str]:
    """Count in how many sets, each of which means another next step, every send stands."""
    sets = [f"{PREFIX}due", f"{PREFIX}unconfirmed", *client.scan_iter(f"{PREFIX}lane:*", 1000)]
    return Counter(send.decode() for one in sets for send in client.zrange(one, 0, -1))


def leased(stack: Stack) -> int:
    """Return how many partitions somebody holds."""
    with redis.Redis.from_url(stack.server.url) as client:
        held = [client.hget(f"{keys.partition(i)}cursor", "holder") for i in range(keys.PARTITIONS)]
    return sum(bool(one) for one in held)
