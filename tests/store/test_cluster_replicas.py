"""On a Redis Cluster each server's own replicas decide what counts, and one of them takes over."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store import keys
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.server.inspection import check_server
from tests.support.redis_cluster import ClusterOf, ask
from tests.support.servers import wait_until
from tests.support.store.raw import raw

pytestmark = [pytest.mark.store, pytest.mark.long, pytest.mark.timeout(90)]
PLACES = [keys.partition(i) for i in range(keys.PARTITIONS)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOf]:
    made = ClusterOf(tmp_path_factory.mktemp("cluster"), replicas=1)
    yield made
    made.close()


@pytest.fixture
def store(cluster: ClusterOf) -> Iterator[Store]:
    opened = Store(f"{cluster.url}?replicas=1")
    wait_until(lambda: not any(failed(opened)), "everything is replicated")
    yield opened
    opened.close()


def keep(store: Store) -> list[Any]:
    """Keep one delivery in each partition."""
    return store.call_many([Call("keep", prefix, ["meta||", b"body"]) for prefix in PLACES])


def failed(store: Store) -> list[bool]:
    """Do the same, and tell which were not kept."""
    return [isinstance(one, StoreUnavailableError) for one in keep(store)]


def test_only_what_a_frozen_replica_would_have_does_not_count(
    cluster: ClusterOf, store: Store
) -> None:
    replica = cluster.replicas[1].process
    assert replica
    replica.send_signal(signal.SIGSTOP)

    told = failed(store)

    replica.send_signal(signal.SIGCONT)
    assert told == [cluster.owner(prefix) is cluster.primaries[1] for prefix in PLACES]


def test_the_primary_with_the_fewest_replicas_is_told_of(cluster: ClusterOf, store: Store) -> None:
    lacking = Store(f"{cluster.url}?replicas=2")

    assert check_server(store).warnings == ()
    assert check_server(lacking).warnings == (
        "Nothing counts before 2 replicas have it, and 1 are there.",
    )
    lacking.close()


def test_a_replica_takes_over_with_all_that_counted(tmp_path: Path) -> None:
    own = ClusterOf(tmp_path, replicas=1)
    store, lax = Store(f"{own.url}?replicas=1"), Store(own.url)  # the new primary has no replica
    wait_until(lambda: not any(failed(store)), "everything is replicated")
    counted = [entry for (entry,) in keep(store)]
    keep(lax)  # so that it knows where everything was
    own.primaries[0].kill()

    wait_until(lambda: not any(failed(lax)), "a replica has taken over")

    there = [
        raw(lax).xrange(f"{prefix}inbox", entry, entry)
        for prefix, entry in zip(PLACES, counted, strict=True)
    ]
    assert [len(found) for found in there] == [1] * len(PLACES)
    assert ask(own.replicas[0], "ROLE")[0] == b"master"
    store.close()
    lax.close()
    own.close()
