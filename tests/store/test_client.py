"""One way to Redis: what a server says has one meaning, and nothing is repeated in secret."""

from collections.abc import Iterator

import pytest
import redis
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)  # fmt: skip

from gateway.store import keys
from gateway.store.lua.scripts import sha
from gateway.store.redis.client import (  # fmt: skip
    Call,
    ScriptError,
    Store,
    StoreFullError,
    StoreUnavailableError,
    connect_async,
    translate_error,
)
from tests.support.servers import Server
from tests.support.store.raw import raw

pytestmark = pytest.mark.store
P0, P1 = keys.partition(0), keys.partition(1)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("refused"),
        TimeoutError("too late"),
        BusyLoadingError("loading the dataset"),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        ReadOnlyError("You can't write against a read only replica."),
        ClusterDownError("The cluster is down"),
        MasterDownError("Link with MASTER is down"),
        ResponseError("BUSY Redis is busy running a script."),
        ResponseError("MISCONF Errors writing to the AOF file"),
        ResponseError("NOREPLICAS Not enough good replicas to write."),
    ],
    ids=lambda error: f"{type(error).__name__} {str(error)[:10]}",
)
def test_a_server_that_cannot_serve_now_is_away(error: RedisError) -> None:
    assert isinstance(translate_error(error), StoreUnavailableError)


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE Operation against a key"),
        ResponseError("user_script:3: attempt to call BUSY a nil value"),
        NoScriptError("No matching script."),
    ],
    ids=["wrong type", "an error that quotes a word", "no script"],
)
def test_anything_else_is_a_script_that_is_wrong(error: RedisError) -> None:
    found = translate_error(error)

    assert isinstance(found, ScriptError)
    assert str(found) == str(error)


def test_what_a_server_says_inside_a_pipeline_means_the_same(harmed: Store) -> None:
    raw(harmed).config_set("min-replicas-to-write", 1)

    def piped(client: redis.Redis) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.set("a", 1)
        pipe.execute()

    with pytest.raises(StoreUnavailableError):
        harmed.run(piped)


@pytest.fixture
def harmed(own: Server) -> Iterator[Store]:
    opened = Store(own.url)
    yield opened
    opened.close()


def test_a_full_server_is_away_and_keeps_nothing(harmed: Store) -> None:
    raw(harmed).config_set("maxmemory", 1)

    with pytest.raises(StoreUnavailableError, match="OutOfMemory"):
        harmed.call("keep", P0, "meta||", b"body")
    with pytest.raises(StoreUnavailableError, match="OutOfMemory"):
        harmed.mark(keys.INBOX_BELL, 1_000)
    assert raw(harmed).dbsize() == 0


def test_a_replica_is_away(harmed: Store) -> None:
    raw(harmed).replicaof("127.0.0.1", 1)

    with pytest.raises(StoreUnavailableError, match="ReadOnly"):
        harmed.call("keep", P0, "meta||", b"body")


def test_a_server_that_is_gone_is_found_again_when_it_is_back(own: Server, harmed: Store) -> None:
    harmed.call("keep", P0, "meta||", b"body")
    own.kill()
    with pytest.raises(StoreUnavailableError):
        harmed.call("keep", P0, "meta||", b"body")

    own.start()

    assert len(harmed.call("keep", P0, "meta||", b"body")) == 1


def test_a_failed_script_gives_its_error_in_its_place(store: Store) -> None:
    raw(store).set(f"{P0}inbox", "of another type")
    calls = [Call("keep", prefix, ["meta||", b"body"]) for prefix in (P0, P1)]

    wrong, right = store.call_many(calls)

    assert isinstance(wrong, ScriptError)
    assert len(right) == 1


def test_a_server_without_scripts_is_sent_each_text_once(harmed: Store) -> None:
    calls = [Call("keep", prefix, ["meta||", b"body"]) for prefix in (P0, P1) for _ in range(20)]

    replies = harmed.call_many(calls)

    ran = raw(harmed).info("commandstats")
    assert [len(reply) for reply in replies] == [1] * 40
    assert ran["cmdstat_eval"]["calls"] == 2
    assert [raw(harmed).xlen(f"{prefix}inbox") for prefix in (P0, P1)] == [20, 20]


def test_a_full_server_without_scripts_is_away_for_every_call(harmed: Store) -> None:
    raw(harmed).config_set("maxmemory", 1)

    replies = harmed.call_many([Call("keep", P0, ["meta||", b"body"])] * 3)

    assert [type(reply) for reply in replies] == [StoreFullError] * 3


def test_a_server_that_forgot_some_scripts_runs_each_call_once(store: Store) -> None:
    store.call("keep", P0, "meta||", b"body")
    raw(store).script_flush()
    calls = [Call("keep", P0, ["meta||", b"body"]), Call("inspect", P0, [])]

    store.call_many(calls)

    assert raw(store).xlen(f"{P0}inbox") == 2
    assert raw(store).script_exists(sha("keep"), sha("inspect")) == [True, True]


def test_no_calls_are_no_round_trip() -> None:
    assert Store("redis://127.0.0.1:1/0").call_many([]) == []


@pytest.mark.usefixtures("gives_up_soon")
def test_no_client_repeats_a_call_by_itself(server: Server) -> None:
    for client in (Store(server.url).redis, connect_async(server.url)):
        given = client.connection_pool.connection_kwargs
        assert (given["retry"]._retries, given["socket_timeout"]) == (0, 2.0)


def test_a_mark_is_set_once_and_vanishes_by_itself(store: Store) -> None:
    assert (store.mark("gw:x", 60_000), store.mark("gw:x", 60_000)) == (True, False)
    assert 0 < raw(store).pttl("gw:x") <= 60_000

    store.delete("gw:x")

    assert store.mark("gw:x", 60_000)


def test_a_plain_command_that_is_wrong_is_an_error_of_its_own_kind(store: Store) -> None:
    raw(store).set("gw:x", "text")

    with pytest.raises(ScriptError, match="WRONGTYPE"):
        store.run(lambda client: client.hget("gw:x", "field"))
