"""One address says where the store is, and how many replicas must have what counts."""

import asyncio
import re
from contextlib import closing
from pathlib import Path

import pytest
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncPool
from redis.exceptions import ConnectionError
from redis.sentinel import SentinelConnectionPool

from gateway.config.redis_address import AddressError, parse
from gateway.config.settings import Settings
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from tests.support.certificates import make_certificate
from tests.support.faults.fault_proxy import Relay
from tests.support.servers import Server, free_port

BEHIND = "redis-sentinel://ana:a%2Fb@one:1,two,three:3/main/2?replicas=1"


@pytest.mark.parametrize(
    ("text", "url", "replicas"),
    [
        ("redis://host:6379/0", "redis://host:6379/0", 0),
        (" REDIS://host ", "redis://host/0", 0),
        ("redis://host?db=3", "redis://host/3", 0),
        ("redis://host/0?replicas=2", "redis://host/0", 2),
        ("redis://host/0?replicas=2&db=0", "redis://host/0", 2),
        ("rediss://host/0?ssl_cert_reqs=none&replicas=1", "rediss://host/0?ssl_cert_reqs=none", 1),
        ("rediss://host/0?ssl_cert_reqs=CERT_NONE", "rediss://host/0?ssl_cert_reqs=none", 0),
        ("unix:///run/redis.sock?db=1&replicas=1", "unix:///run/redis.sock?db=1", 1),
        ("redis+socket://:pw@/run/redis.sock", "unix://:pw@/run/redis.sock?db=0", 0),
    ],
)
def test_replicas_are_ours_and_the_rest_is_the_drivers(text: str, url: str, replicas: int) -> None:
    assert (parse(text).url, parse(text).replicas) == (url, replicas)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("redis://host/0?db=3", "names two databases"),
        ("redis://host/abc", "names no database"),
        ("redis://host/0?health_check_interval=30", "has an option 'health_check_interval'"),
        ("redis://host/0?ssl_cert_reqs=none", "has an option 'ssl_cert_reqs'"),
        ("rediss://host/0?ssl_cert_reqs=maybe", "write ssl_cert_reqs=required or none"),
        ("rediss://host/0?ssl_check_hostname=1", "write ssl_check_hostname=true or false"),
        ("redis://host/0?replicas=1&replicas=2", "has an option twice"),
        ("redis://:a#b@host/0", "is no address"),
        ("redis://:s3cret@host/0#1", "holds a #"),
        ("redis:///0", "names no host"),
        ("redis://host:99999/0", "is no address"),
        ("unix://", "names no socket"),
    ],
)
def test_what_one_of_the_libraries_would_not_take_is_refused_with_a_reason(
    text: str, reason: str
) -> None:
    with pytest.raises(AddressError, match=re.escape(reason)) as raised:
        parse(text)
    assert "s3cret" not in str(raised.value)


def test_an_address_behind_sentinels_names_them_and_what_they_watch() -> None:
    found = parse(BEHIND)

    assert found.sentinels == (("one", 1), ("two", 26379), ("three", 3))
    assert (found.primary, found.db, found.replicas) == ("main", 2, 1)
    assert (found.username, found.password) == ("ana", "a/b")
    assert "a/b" not in repr(found)
    assert parse("redis-sentinel://:word@one/main").password == "word"


@pytest.mark.parametrize(
    "text",
    [
        "host:6379",
        "redis",
        "amqp://host//",
        "redis://host/0?replicas=many",
        "redis-sentinel://one:1",
        "redis-sentinel:///main",
        "redis-sentinel://one:port/main",
        "redis-sentinel://one/main/0?db=1",
        "redis-sentinel://one,/main",
        "redis-cluster://",
        "redis-cluster://one:port",
        "redis-cluster://one,",
        "redis-cluster://one/1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis-cluster://one:1,two/0?replicas=1", "redis://two:6379/0"),
        ("redis-cluster://ana:a%2Fb@one:1,two?replicas=1", "redis://ana:a%2Fb@two:6379/0"),
        (
            "rediss-cluster://:b@one:1,two?ssl_ca_certs=/ca.pem&replicas=1",
            "rediss://:b@two:6379/0?ssl_ca_certs=/ca.pem",
        ),
    ],
    ids=["plain", "login", "TLS"],
)
def test_each_server_of_a_cluster_is_asked_in_the_same_way(text: str, url: str) -> None:
    found = parse(text)

    assert (found.nodes, found.replicas) == ((("one", 1), ("two", 6379)), 1)
    assert found.url_of(("two", 6379)) == url
    assert found.url_of(("::1", 1)) == url.replace("two:6379", "[::1]:1")
    assert "b@" not in repr(found)


def test_the_login_of_an_address_behind_sentinels_is_not_shown() -> None:
    needed = ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN")
    env = dict.fromkeys(needed, "s") | {"META_PHONE_NUMBER_ID": "1", "REDIS_URL": BEHIND}

    shown = Settings.from_env(env).loggable_values()["redis_url"]

    assert shown == "redis-sentinel://***@one:1,two,three:3/main/2"


def test_the_login_of_a_cluster_is_not_shown() -> None:
    needed = ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN")
    env = dict.fromkeys(needed, "s") | {
        "META_PHONE_NUMBER_ID": "1",
        "CELERY_BROKER_URL": "redis://b",
    }
    env["REDIS_URL"] = "redis-cluster://ana:word@one:1,two"

    assert Settings.from_env(env).loggable_values()["redis_url"] == "redis-cluster://***@one:1,two"


@pytest.mark.usefixtures("gives_up_soon")
def test_no_client_behind_sentinels_repeats_or_waits_long() -> None:
    for client in (Store(BEHIND).redis, connect_async(BEHIND)):
        pool = client.connection_pool
        assert isinstance(pool, SentinelConnectionPool | AsyncPool)
        asked = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
        for given in (pool.connection_kwargs, asked):
            assert (given["retry"]._retries, given["socket_timeout"]) == (0, 2.0)
        assert (pool.connection_kwargs["db"], pool.connection_kwargs["username"]) == (2, "ana")
        assert asked.get("username") is None
    assert connect_async(BEHIND).replicas == 1


def test_sentinels_that_are_away_are_a_store_that_is_away() -> None:
    url = f"redis-sentinel://127.0.0.1:{free_port()}/main"

    async def ask() -> None:
        await connect_async(url).ping()

    with pytest.raises(StoreUnavailableError):
        Store(url).mark("gw:x", 1)
    with pytest.raises(ConnectionError, match="main"):
        asyncio.run(ask())


def test_a_certificate_that_is_not_trusted_is_named(own: Server, tmp_path: Path) -> None:
    certificate, context = make_certificate(tmp_path)
    behind_tls = Relay(own.port, tls=context)
    address = f"rediss://localhost:{behind_tls.port}/0"

    with pytest.raises(StoreUnavailableError, match="TLS: self-signed certificate"):
        Store(address).call("take", "p:", "holder", 1, 1, 1, 0, 0)
    with closing(Store(f"{address}?ssl_ca_certs={certificate}")) as store:
        assert store.redis.ping()
    behind_tls.close()


def test_a_database_that_the_server_does_not_have_is_named(own: Server) -> None:
    with pytest.raises(StoreUnavailableError, match="no database of that number"):
        Store(f"redis://127.0.0.1:{own.port}/99").run(lambda client: client.ping())
