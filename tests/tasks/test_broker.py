"""What Celery and RedBeat are told of their servers fits the form of the address."""

import pytest
from celery import Celery
from redbeat.schedulers import get_redis

from tasks.broker import broker, schedule_store

BEHIND = "redis-sentinel://ana:a%2Fb@one:1,two/main/2?replicas=1"


def test_replicas_are_no_matter_of_celery_and_redbeat() -> None:
    url = "redis://host:6379/0?replicas=1"

    assert broker(url)["broker_url"] == "redis://host:6379/0"
    assert schedule_store(url)["redbeat_redis_url"] == "redis://host:6379/0"


def test_the_broker_behind_sentinels_is_found_by_its_name() -> None:
    told = broker(BEHIND)

    assert told["broker_url"] == ("sentinel://ana:a%2Fb@one:1/2;sentinel://ana:a%2Fb@two:26379/2")
    assert told["broker_transport_options"]["master_name"] == "main"
    assert told["broker_transport_options"]["global_keyprefix"] == "gw:celery:"
    assert broker("redis-sentinel://one/main")["broker_url"] == "sentinel://one:26379/0"


def test_redbeat_asks_the_sentinels_with_the_login_of_the_server_only() -> None:
    app = Celery("test", set_as_current=False)
    app.conf.update(schedule_store(BEHIND))

    pool = get_redis(app).connection_pool

    assert pool.service_name == "main"
    given = pool.connection_kwargs
    assert (given["username"], given["password"], given["db"]) == ("ana", "a/b", 2)
    asked = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
    assert (asked.get("username"), asked["socket_timeout"]) == (None, 2)


def test_redbeat_is_told_of_one_server_of_a_cluster_whichever() -> None:
    told = [schedule_store("rediss-cluster://ana:a%2Fb@one:1,two?replicas=1") for _ in range(64)]

    assert {one["redbeat_redis_url"] for one in told} == {
        "rediss://ana:a%2Fb@one:1/0",
        "rediss://ana:a%2Fb@two:6379/0",
    }
    assert told[0]["redbeat_redis_options"] == {
        "cluster": True,
        "decode_responses": True,
        "socket_timeout": 5,
    }


@pytest.mark.parametrize("url", ["amqp://host//", "amqps://host//", "memory://"])
def test_another_kind_of_broker_is_given_nothing_of_redis(url: str) -> None:
    told = broker(url)

    assert (told["broker_url"], told["broker_transport_options"]) == (url, {})


def test_rabbitmq_behind_tls_has_to_prove_that_it_is_the_host_of_the_address() -> None:
    told = broker("amqps://host//")

    assert told["broker_use_ssl"] == {"cert_reqs": 2, "server_hostname": None}
    assert broker("amqp://host//")["broker_use_ssl"] is None
