"""Settings of Celery and RedBeat that depend on the form of their servers' addresses."""

import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from celery import Celery
from redbeat.schedulers import REDBEAT_REDIS_KEY

from gateway.config.redis_address import Address, AddressError, parse
from gateway.store import keys
from gateway.store.redis.client import connect

# RedBeat is given its client: see `use_store`. Both must be set, or it warns.
SCHEDULE_STORE = {"redbeat_redis_url": "redis://", "redbeat_redis_options": {}}
KEY_PREFIX = f"{keys.SPACE}celery:"
_REDIS = {
    # Redis has no acknowledgements, and kombu's imitation can leave a worker without messages: if
    # Redis did not answer the note that a message is done, the message counts as in hand for as
    # long as its connection lives, and two such notes fill a worker of two. The sweep repeats a
    # wake-up that died with its worker.
    "ack_emulation": False,
    # Without these a frozen broker blocks a publisher for ever.
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    # Publishers do not insist: the sweep repeats a wake-up that was lost.
    "max_retries": 1,
    "health_check_interval": 10,
    # One list per queue instead of four: here each priority has a queue of its own.
    "priority_steps": [0],
    "client_name": "gateway",
    "global_keyprefix": KEY_PREFIX,
}


def broker_settings(url: str) -> dict[str, Any]:
    """Return the settings of Celery that depend on where its messages go."""
    try:
        address = parse(url)
    except AddressError:
        return _build_settings(url, {})  # another kind of broker: a wake-up needs nothing more
    if address.sentinels:
        return _build_settings(_sentinel_url(address), _REDIS | {"master_name": address.primary})
    if address.socket:
        return _build_settings(_socket_url(address), _REDIS)
    # The options are given apart, since kombu reads some of them otherwise.
    url_without_options = address.url.partition("?")[0]
    return _build_settings(url_without_options, _REDIS, address.tls)


def use_store(app: Celery, url: str) -> None:
    """Give RedBeat the client of the store, where it keeps its schedule.

    From an address it would make its own client, which repeats calls, knows no list of hosts, and
    shows its password in the configuration: Celery hides only that of the broker's address.
    """
    setattr(app, REDBEAT_REDIS_KEY, connect(url, decode_responses=True))


def _build_settings(
    url: str, options: dict[str, Any], tls: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    return {
        "broker_url": url,
        "broker_use_ssl": _tls_options(url, tls),
        "broker_transport_options": options,
    }


def _sentinel_url(address: Address) -> str:
    """Return the address as kombu reads it: one of each sentinel, and the login with each."""
    login = _login(address)
    each = (f"sentinel://{login}{host}:{port}/{address.db}" for host, port in address.sentinels)
    return ";".join(each)


def _socket_url(address: Address) -> str:
    """Return the address as kombu reads it: `+socket`, and the database by the name of AMQP."""
    return f"redis+socket://{_login(address)}{address.socket}?virtual_host={address.db}"


def _login(address: Address) -> str:
    login = f"{quote(address.username or '', '')}:{quote(address.password or '', '')}@"
    return "" if login == ":@" else login


def _tls_options(url: str, tls: Mapping[str, Any]) -> dict[str, Any] | None:
    # Without this kombu accepts any certificate.
    if url.startswith("rediss://"):
        return {"ssl_cert_reqs": "required"} | dict(tls)
    if url.startswith("amqps://"):
        # If the options hold a name, even None, kombu replaces it with the address's own, and only
        # then is the certificate checked against it.
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    return None
