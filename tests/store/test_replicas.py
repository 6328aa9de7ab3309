"""What must outlive the primary counts only once a replica has it; all else does not wait."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import Unreadable
from gateway.core.planning.batch import Failure
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters.unreadable import store_unreadable
from gateway.store.inbox.writer import InboxWriter
from gateway.store.number_list import add_number
from gateway.store.planning.commit import commit, store_dead_letters
from gateway.store.redis.client import Call, Store, StoreUnavailableError, connect_async
from gateway.store.server.inspection import check_server
from tests.support.factories import NOW, NUMBER, a_message, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.store.plans import planned
from tests.support.store.raw import raw
from tests.support.store.sends import WEEK, a_send, lanes, queue, stage

pytestmark = pytest.mark.store
P0 = keys.partition(0)
BODY = delivery_body(message_item("wamid.one", "hi"))
UNREAD = Unreadable(
    key="u", delivery="0:1-0", item=0, number="", contact="", at=NOW, raw=None, reason="not_json"
)


class Pair:
    """A primary, and a replica that can be frozen."""

    def __init__(self, folder: Path) -> None:
        self.primary = Server(folder / "primary", **{"repl-diskless-sync-delay": "0"}).start()
        following = f"127.0.0.1 {self.primary.port}"
        self.replica = Server(folder / "replica", replicaof=following).start()
        self.url = f"{self.primary.url}?replicas=1"
        self.store = Store(self.url)
        raw(self.store).set("gw:x", 1)  # one that never wrote has nothing to wait for
        wait_until(lambda: raw(self.store).wait(1, 100) == 1, "the replica follows")

    def freeze(self) -> None:
        assert self.replica.process
        self.replica.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.replica.process
        self.replica.process.send_signal(signal.SIGCONT)
        wait_until(lambda: raw(self.store).wait(1, 100) == 1, "the replica follows again")

    def waits(self) -> int:
        found = raw(self.store).info("commandstats").get("cmdstat_wait", {"calls": 0})
        return int(found["calls"])

    def close(self) -> None:
        self.store.close()
        self.replica.kill()
        self.primary.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.close()


@pytest.fixture
def pair(running: Pair) -> Pair:
    running.thaw()
    running.store.call("keep", P0, "meta||", b"body")  # so that the script is known
    raw(running.store).flushall()
    raw(running.store).config_resetstat()
    return running


def keep_through(url: str, times: int) -> list[Any]:
    """Let that many bodies wait to be kept at once, and return what each was told."""

    async def run() -> list[Any]:
        client = connect_async(url)
        keeper = InboxWriter(client, Bodies(), lambda: None)
        keeper.start()
        found = await asyncio.gather(
            *(keeper.keep(BODY) for _ in range(times)), return_exceptions=True
        )
        await keeper.close()
        await client.aclose()
        return found

    return asyncio.run(run())


def test_what_was_kept_is_on_the_replica(pair: Pair) -> None:
    pair.store.call("keep", P0, "meta||", b"body")

    with Store(pair.replica.url).redis as replica:
        assert replica.xlen(f"{P0}inbox") == 1
    assert pair.waits() == 1


@pytest.mark.timeout(60)
def test_nothing_is_kept_while_the_replica_is_frozen(pair: Pair) -> None:
    pair.freeze()

    with pytest.raises(StoreUnavailableError, match="not replicated"):
        pair.store.call("keep", P0, "meta||", b"body")

    pair.thaw()
    assert len(pair.store.call("keep", P0, "meta||", b"body")) == 1


@pytest.mark.timeout(60)
def test_all_who_wait_are_told_at_once_that_nothing_was_kept(pair: Pair) -> None:
    pair.freeze()

    told = keep_through(pair.url, 200)

    assert [type(one) for one in told] == [StoreUnavailableError] * 200
    assert pair.waits() == 1
    pair.thaw()
    assert keep_through(pair.url, 3) == [None] * 3


def test_a_commit_that_is_not_replicated_leaves_the_cursor(pair: Pair) -> None:
    plans = planned(pair.store, a_message())
    pair.freeze()

    with pytest.raises(StoreUnavailableError, match="not replicated"):
        commit(pair.store, plans, WEEK)


def test_an_attempt_that_is_not_replicated_is_not_made_and_made_later(pair: Pair) -> None:
    send = a_send("one")
    queue(pair.store, send)
    ours = lanes(pair.store)
    pair.freeze()
    with pytest.raises(StoreUnavailableError, match="not replicated"):
        ours.pump([], 9)
    assert stage(pair.store, send) == "attempting"

    pair.thaw()

    assert [one.send for one in ours.pump([], 9).attempts] == [send.id]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "write",
    [
        lambda store: add_number(store, NUMBER),
        lambda store: store_dead_letters(store, [Failure(a_message(), "a bug", "")]),
        lambda store: store_unreadable(store, Bodies(), [UNREAD]),
    ],
    ids=["a number on the list", "a dead letter", "unreadable bytes"],
)
def test_what_lets_a_cursor_pass_is_on_the_replica_first(
    pair: Pair, write: Callable[[Store], object]
) -> None:
    pair.freeze()

    with pytest.raises(StoreUnavailableError, match="not replicated"):
        write(pair.store)


def test_what_only_looks_or_can_be_made_again_waits_for_no_replica(pair: Pair) -> None:
    pair.freeze()

    pair.store.call_many([Call("inspect", P0, []), Call("take", P0, ["holder", 5_000, 9, 9, 0, 0])])

    assert pair.waits() == 0


def test_a_primary_that_forgot_its_scripts_waits_for_the_second_run(pair: Pair) -> None:
    raw(pair.store).script_flush()
    pair.freeze()

    with pytest.raises(StoreUnavailableError):
        pair.store.call("keep", P0, "meta||", b"body")


def test_a_primary_that_was_made_a_replica_is_away(own: Server) -> None:
    opened = Store(f"{own.url}?replicas=1")
    raw(opened).replicaof("127.0.0.1", 1)

    with pytest.raises(StoreUnavailableError):
        opened.call("keep", P0, "meta||", b"body")
    assert [type(one) for one in keep_through(f"{own.url}?replicas=1", 2)] == (
        [StoreUnavailableError] * 2
    )
    opened.close()


@pytest.mark.parametrize("count", [0, 2])
def test_the_address_says_how_many_replicas_are_asked_for(pair: Pair, count: int) -> None:
    told = keep_through(f"{pair.primary.url}?replicas={count}", 1)

    assert [str(one) for one in told] == {0: ["None"], 2: ["not replicated"]}[count]
    assert pair.waits() == (1 if count else 0)


def test_replicas_that_are_missing_are_told_at_the_start(pair: Pair) -> None:
    lacking = Store(f"{pair.primary.url}?replicas=2")

    assert check_server(pair.store).warnings == ()
    assert check_server(lacking).warnings == (
        "Nothing counts before 2 replicas have it, and 1 are there.",
    )
    lacking.close()
