"""What Celery and RedBeat are told of their servers fits the form of the address."""

import logging
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, Producer, Queue
from redbeat.schedulers import get_redis

from gateway.store.redis.cluster.client import Cluster
from tasks.celery_setup.broker import SCHEDULE_STORE, broker_settings, use_store
from tests.support.servers import Server

BEHIND = "redis-sentinel://ana:a%2Fb@one:1,two/main/2?replicas=1"


def test_replicas_are_no_matter_of_celery() -> None:
    url = "redis://host:6379/0?replicas=1"

    assert broker_settings(url)["broker_url"] == "redis://host:6379/0"


def test_the_broker_behind_sentinels_is_found_by_its_name() -> None:
    told = broker_settings(BEHIND)

    assert told["broker_url"] == ("sentinel://ana:a%2Fb@one:1/2;sentinel://ana:a%2Fb@two:26379/2")
    assert told["broker_transport_options"]["master_name"] == "main"
    assert told["broker_transport_options"]["global_keyprefix"] == "gw:celery:"
    assert broker_settings("redis-sentinel://one/main")["broker_url"] == "sentinel://one:26379/0"


def redbeats(url: str) -> Any:
    """Return the client that RedBeat uses."""
    app = Celery("test", set_as_current=False)
    app.conf.update(SCHEDULE_STORE)
    use_store(app, url)
    return get_redis(app)


@pytest.mark.usefixtures("gives_up_soon")
def test_redbeat_asks_the_sentinels_with_the_login_of_the_server_only() -> None:
    pool = redbeats(BEHIND).connection_pool

    assert pool.service_name == "main"
    given = pool.connection_kwargs
    assert (given["username"], given["password"], given["db"]) == ("ana", "a/b", 2)
    asked = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
    assert (asked.get("username"), asked["socket_timeout"]) == (None, 2)


def test_redbeat_is_given_a_client_of_the_whole_cluster() -> None:
    found = redbeats("redis-cluster://one:1,two?replicas=1")

    assert isinstance(found, Cluster)
    assert found.node(("one", 1)).connection_pool.connection_kwargs["decode_responses"]


def test_redbeat_reaches_a_server_in_the_store_whatever_the_broker_is() -> None:
    given = redbeats("redis://ana:secret@host:6379/3").connection_pool.connection_kwargs

    assert (given["host"], given["password"], given["db"]) == ("host", "secret", 3)
    assert given["decode_responses"]


@pytest.mark.parametrize("url", ["amqp://host//", "amqps://host//", "memory://"])
def test_another_kind_of_broker_is_given_nothing_of_redis(url: str) -> None:
    told = broker_settings(url)

    assert (told["broker_url"], told["broker_transport_options"]) == (url, {})


def test_rabbitmq_behind_tls_has_to_prove_that_it_is_the_host_of_the_address() -> None:
    told = broker_settings("amqps://host//")

    assert told["broker_use_ssl"] == {"cert_reqs": 2, "server_hostname": None}
    assert broker_settings("amqp://host//")["broker_use_ssl"] is None


@pytest.mark.store
def test_a_bell_is_done_with_though_the_broker_goes_away_before_it_is_acknowledged(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "valkey").start()
    told = broker_settings(server.url)
    options = told["broker_transport_options"]
    with Connection(told["broker_url"], transport_options=options) as connection:
        channel: Any = connection.channel()
        channel.basic_qos(0, 1, False)
        queue = Queue("bells", routing_key="bells")
        Producer(channel).publish({}, routing_key="bells", declare=[queue])
        message = channel.basic_get("bells")
        assert not channel.qos.can_consume()

        server.kill()
        message.ack_log_error(logging.getLogger(), connection.connection_errors)

        assert channel.qos.can_consume()
