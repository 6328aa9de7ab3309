"""What Celery and RedBeat are told of the servers that they talk to, by the form of the address."""

import ssl
from typing import Any
from urllib.parse import quote

from celery import Celery
from redbeat.schedulers import REDBEAT_REDIS_KEY

from gateway.config.redis_address import Address, AddressError, parse
from gateway.store import keys
from gateway.store.redis.client import connect

# RedBeat is given its client: see `use_store`. Both have to be set, or it warns.
SCHEDULE_STORE = {"redbeat_redis_url": "redis://", "redbeat_redis_options": {}}
_REDIS = {
    # Redis knows no acknowledgement, and kombu's imitation keeps a worker deaf: a message counts as
    # in hand for as long as its connection lives if the note in Redis that it is done was not
    # answered, and two such notes are all that a worker of two takes. A bell that dies with its
    # worker is rung again by the sweep.
    "ack_emulation": False,
    # Without these a frozen broker blocks whoever publishes for ever.
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    # Whoever rings does not insist: what is not heard is rung again by the sweep.
    "max_retries": 1,
    "health_check_interval": 10,
    # One list a queue instead of four: priorities are queues of their own here.
    "priority_steps": [0],
    "client_name": "gateway",
    "global_keyprefix": f"{keys.SPACE}celery:",
}


def broker_settings(url: str) -> dict[str, Any]:
    """Return the settings of Celery that depend on where its messages go."""
    try:
        address = parse(url)
    except AddressError:
        return _build_settings(url, {})  # another kind of broker: a bell asks nothing more of it
    if not address.sentinels:
        return _build_settings(address.url, _REDIS)
    return _build_settings(_sentinel_url(address), _REDIS | {"master_name": address.primary})


def use_store(app: Celery, url: str) -> None:
    """Give RedBeat the client of the store, where it keeps its schedule.

    Of an address it would make its own, which repeats calls, knows no list of hosts, and stands in
    the configuration with its password: Celery hides that of the broker's address only.
    """
    setattr(app, REDBEAT_REDIS_KEY, connect(url, decode_responses=True))


def _build_settings(url: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "broker_url": url,
        "broker_use_ssl": _tls_options(url),
        "broker_transport_options": options,
    }


def _sentinel_url(address: Address) -> str:
    """Return the address as kombu reads it: one of each sentinel, and the login with each."""
    login = f"{quote(address.username or '', '')}:{quote(address.password or '', '')}@"
    login = "" if login == ":@" else login
    each = (f"sentinel://{login}{host}:{port}/{address.db}" for host, port in address.sentinels)
    return ";".join(each)


def _tls_options(url: str) -> dict[str, Any] | None:
    # Without this kombu talks TLS to whoever answers; `?ssl_cert_reqs=` in the address still wins.
    if url.startswith("rediss://"):
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    if url.startswith("amqps://"):
        # Where there is a name, even none, kombu puts the address's own, and only then it is held
        # against the certificate.
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    return None
