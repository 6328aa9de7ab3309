"""Address of the store: one server, sentinels that know the primary, or servers of a cluster."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

PORT, SENTINEL_PORT = 6379, 26379
_CLUSTERS = {"redis-cluster": "redis", "rediss-cluster": "rediss"}
_ENDING = re.compile(r"[?&]replicas=(\d)$")


class AddressError(ValueError):
    """The text is no valid address of a store."""


@dataclass(frozen=True, slots=True)
class Address:
    """Parsed address of the store; `url` is for the driver where there are no sentinels."""

    url: str = field(repr=False)
    replicas: int = 0  # replicas that must have a write before it counts
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""  # the name under which the sentinels know it
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    nodes: tuple[tuple[str, int], ...] = ()  # servers of a cluster, any of which knows the others

    def url_of(self, node: tuple[str, int]) -> str:
        """Return the driver's URL of one server of the cluster."""
        parts = urlsplit(self.url)
        login = parts.netloc.rpartition("@")[:2]
        host = f"[{node[0]}]" if ":" in node[0] else node[0]
        netloc = f"{''.join(login)}{host}:{node[1]}"
        return parts._replace(scheme=_CLUSTERS[parts.scheme], netloc=netloc, path="/0").geturl()

    @property
    def login(self) -> dict[str, Any]:
        """Return the options for connecting to the server behind the sentinels."""
        return {"db": self.db, "username": self.username, "password": self.password}


def parse(text: str) -> Address:
    """Read redis://…, unix://…, redis-sentinel://host,…/name/db or redis-cluster://host,….

    `rediss` in the place of `redis` means TLS, but not behind sentinels.
    `?replicas=n`, or `&replicas=n` after other options, may end each. Raises AddressError.
    """
    ending = _ENDING.search(text)
    url = text[: ending.start()] if ending else text
    replicas = ending[1] if ending else "0"
    scheme = url.partition("://")[0]
    if re.search(r"[?&]replicas=", url):
        raise AddressError("asks for replicas wrongly: end it with ?replicas=1")
    if scheme == "redis-sentinel":
        return _parse_sentinels(url, int(replicas))
    if scheme in _CLUSTERS:
        return _parse_cluster(url, int(replicas))
    if scheme not in ("redis", "rediss", "unix") or scheme == url:
        raise AddressError("is no Redis address: write redis://host:6379/0")
    return Address(url, int(replicas))


def check_broker(text: str) -> None:
    """Check that the address can serve as Celery's broker. Raises AddressError."""
    if text.partition("://")[0] in _CLUSTERS:
        raise AddressError(
            "has to name a server of its own, such as redis://broker:6379/0: "
            "Celery's messages cannot go through a Redis Cluster"
        )


def _parse_sentinels(url: str, replicas: int) -> Address:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    sentinels = _parse_hosts(hosts, SENTINEL_PORT)
    path = re.fullmatch(r"/([\w.-]+)(?:/(\d{1,4}))?", parts.path)
    if not path or not sentinels or parts.query:
        raise AddressError("is no address: write redis-sentinel://host:26379,host:26379/name/0")
    username, password = _parse_login(login)
    return Address(
        url=url,
        replicas=replicas,
        sentinels=sentinels,
        primary=path[1],
        db=int(path[2] or 0),
        username=username,
        password=password,
    )


def _parse_cluster(url: str, replicas: int) -> Address:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    nodes = _parse_hosts(hosts, PORT)
    if not nodes or parts.path not in ("", "/", "/0"):  # a cluster has one database only
        raise AddressError("is no address: write redis-cluster://host:6379,host:6379")
    username, password = _parse_login(login)
    return Address(url, replicas, username=username, password=password, nodes=nodes)


def _parse_hosts(text: str, port: int) -> tuple[tuple[str, int], ...]:
    """Read "one:1,two"; empty where any of them is malformed."""
    matches = [re.fullmatch(r"([^:]+)(?::(\d{1,5}))?", host) for host in text.split(",")]
    return () if None in matches else tuple((one[1], int(one[2] or port)) for one in matches if one)


def _parse_login(text: str) -> tuple[str | None, str | None]:
    username, _, password = text.partition(":")
    return unquote(username) or None, unquote(password) or None
