"""A look at a server tells everything that a person is told of it, and changes nothing."""

import time
from collections.abc import Iterator

import pytest

from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.inspection import Inspection, check_server, inspect_servers
from tests.support.redis_cluster import ClusterOf
from tests.support.servers import Server, free_port, wait_until
from tests.support.store.raw import raw

pytestmark = pytest.mark.store


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOf]:
    made = ClusterOf(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


def examined(url: str) -> Inspection:
    store = Store(url)
    try:
        return inspect_servers(store)
    finally:
        store.close()


def test_a_server_tells_how_and_where_it_keeps(store: Store, server: Server) -> None:
    found = inspect_servers(store)

    (told,) = found.servers
    assert (told.fsync, told.folder) == ("always", str(server.folder.resolve()))
    assert told.info["aof_enabled"] == 1
    assert abs(told.ahead_s) < 5
    assert (found.unavailable, found.address_problem, found.layout, found.replicas) == (
        0,
        "",
        "",
        0,
    )
    assert raw(store).keys("*") == []


def test_the_layout_is_the_one_that_was_marked(store: Store) -> None:
    check_server(store)

    assert inspect_servers(store).layout == "2/12"


def test_a_server_that_hides_its_configuration_tells_the_rest(server: Server) -> None:
    server.command("ACL", "SETUSER", "asker", "on", ">hush", "~*", "+@all", "-config")
    try:
        (told,) = examined(f"redis://asker:hush@127.0.0.1:{server.port}/0").servers
    finally:
        server.command("ACL", "DELUSER", "asker")

    assert (told.fsync, told.folder) == ("", "")
    assert told.info["role"] == "master"


def test_a_clock_that_is_wrong_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    monkeypatch.setattr("gateway.store.server.inspection.time.time", lambda: right() + 90)
    (told,) = examined(server.url).servers

    assert -95 < told.ahead_s < -85


@pytest.mark.long
def test_each_server_of_a_cluster_is_asked_and_one_that_is_away_is_counted(
    cluster: ClusterOf,
) -> None:
    whole = examined(cluster.url)
    store = Store(cluster.url)
    store.infos()  # it knows them all before one goes away
    cluster.primaries[0].kill()
    try:
        halved = inspect_servers(store)
    finally:
        store.close()
        cluster.primaries[0].start()
        wait_until(lambda: not examined(cluster.url).unavailable, "the cluster is whole again")

    assert (len(whole.servers), whole.unavailable, whole.address_problem) == (
        len(cluster.primaries),
        0,
        "",
    )
    assert (len(halved.servers), halved.unavailable) == (len(cluster.primaries) - 1, 1)


@pytest.mark.long
def test_an_address_of_the_other_form_is_told(cluster: ClusterOf) -> None:
    alone = examined(cluster.primaries[0].url)

    assert "begin its address with redis-cluster://" in alone.address_problem


def test_a_server_that_is_away_cannot_be_examined() -> None:
    with pytest.raises(StoreUnavailableError):
        examined(f"redis://127.0.0.1:{free_port()}/0")
