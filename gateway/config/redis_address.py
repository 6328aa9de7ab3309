"""Address of the store: one server, sentinels that know the primary, or servers of a cluster.

Three libraries read it: redis-py, kombu and RedBeat. They differ in which options they know and in
how they take a socket or a certificate, so it is parsed here once and each is given its own form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

PORT, SENTINEL_PORT = 6379, 26379
_SERVERS = {"redis": "redis", "rediss": "rediss", "unix": "unix", "redis+socket": "unix"}
_CLUSTERS = {"redis-cluster": "redis", "rediss-cluster": "rediss"}
_REPLICAS = re.compile(r"\d")
# Checks of the server's certificate: as redis-py names them, and as Celery does.
_CERTIFICATE_CHECKS = {
    name: check
    for check in ("none", "optional", "required")
    for name in (check, f"CERT_{check.upper()}")
}
_FLAGS = {"true": True, "false": False}
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS = ("ssl_cert_reqs", "ssl_check_hostname", *_TLS_FILES)


class AddressError(ValueError):
    """The text is no valid address of a store."""


@dataclass(frozen=True, slots=True)
class Address:
    """Parsed address of the store; `url` is for redis-py where there are no sentinels."""

    url: str = field(repr=False)
    replicas: int = 0  # replicas that must have a write before it counts
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""  # the name under which the sentinels know it
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    nodes: tuple[tuple[str, int], ...] = ()  # servers of a cluster, any of which knows the others
    socket: str = ""  # path of a Unix socket
    has_movable_clock: bool = False  # as the server of `gateway dev` has
    tls: Mapping[str, Any] = field(
        default_factory=dict
    )  # options of redis-py's TLS connection; kombu passes them on

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

    `rediss` in the place of `redis` means TLS, but not behind sentinels. Options after `?` are
    `replicas`, `db` where the path does not name it, and with TLS those that begin with `ssl_`;
    `clock=movable` is for the server of `gateway dev`.
    Raises AddressError for everything that one of the libraries would not take.
    """
    try:
        parts = urlsplit(text.strip())
        if "," not in parts.netloc:
            _ = parts.port  # raises ValueError for a port that is none
    except ValueError:
        raise AddressError("is no address: write redis://host:6379/0") from None
    options = _parse_options(parts)
    if parts.scheme == "redis-sentinel":
        return _parse_sentinels(parts, options)
    if parts.scheme in _CLUSTERS:
        return _parse_cluster(parts, options)
    if parts.scheme not in _SERVERS or "://" not in text:
        raise AddressError("is no Redis address: write redis://host:6379/0")
    return _parse_server(parts, options)


def check_broker(text: str) -> None:
    """Check that the address can serve as Celery's broker. Raises AddressError."""
    if text.partition("://")[0] in _CLUSTERS:
        raise AddressError(
            "has to name a server of its own, such as redis://broker:6379/0: "
            "Celery's messages cannot go through a Redis Cluster"
        )


def _parse_options(parts: SplitResult) -> dict[str, str]:
    """Read the options after `?`, each of them known and given once."""
    if parts.fragment:
        raise AddressError("holds a #: write a password with %23 in its place")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    known = ("replicas", "db", *(_TLS if parts.scheme.startswith("rediss") else ()))
    for name in options:
        is_ours = name == "clock" and options[name] == "movable" and parts.scheme in _SERVERS
        if name not in known and not is_ours:
            raise AddressError(f"has an option {name[:40]!r}; known are {', '.join(known)}")
    if len(options) < len(pairs):
        raise AddressError("has an option twice")
    return options


def _parse_server(parts: SplitResult, options: Mapping[str, str]) -> Address:
    login, tls = parts.netloc.rpartition("@")[0], _parse_tls(options)
    username, password = _parse_login(login)
    if _SERVERS[parts.scheme] == "unix":
        db, socket = _parse_db("", options), parts.path
        if len(socket) < 2:
            raise AddressError("names no socket: write unix:///path/to/redis.sock")
        url = f"unix://{login}{'@' if login else ''}{socket}?db={db}"
    else:
        db, socket = _parse_db(parts.path, options), ""
        if not parts.hostname:
            raise AddressError("names no host: write redis://host:6379/0")
        url = parts._replace(path=f"/{db}", query=_query(tls)).geturl()
    replicas = _parse_replicas(options)
    return Address(
        url,
        replicas,
        db=db,
        username=username,
        password=password,
        tls=tls,
        socket=socket,
        has_movable_clock="clock" in options,
    )


def _parse_sentinels(parts: SplitResult, options: Mapping[str, str]) -> Address:
    login, _, hosts = parts.netloc.rpartition("@")
    sentinels = _parse_hosts(hosts, SENTINEL_PORT)
    path = re.fullmatch(r"/([\w.-]+)(?:/(\d{1,4}))?", parts.path)
    if not path or not sentinels or options.keys() - {"replicas"}:
        raise AddressError("is no address: write redis-sentinel://host:26379,host:26379/name/0")
    username, password = _parse_login(login)
    return Address(
        url=parts._replace(query="").geturl(),
        replicas=_parse_replicas(options),
        sentinels=sentinels,
        primary=path[1],
        db=int(path[2] or 0),
        username=username,
        password=password,
    )


def _parse_cluster(parts: SplitResult, options: Mapping[str, str]) -> Address:
    login, _, hosts = parts.netloc.rpartition("@")
    nodes, tls = _parse_hosts(hosts, PORT), _parse_tls(options)
    # A cluster has one database only.
    if not nodes or parts.path not in ("", "/", "/0") or "db" in options:
        raise AddressError("is no address: write redis-cluster://host:6379,host:6379")
    username, password = _parse_login(login)
    url = parts._replace(query=_query(tls)).geturl()
    replicas = _parse_replicas(options)
    return Address(url, replicas, username=username, password=password, nodes=nodes, tls=tls)


def _parse_db(path: str, options: Mapping[str, str]) -> int:
    """Read the number of the database, which the path or the option `db` may name."""
    names = {name for name in (path.strip("/"), options.get("db")) if name is not None} - {""}
    if len(names) > 1:
        raise AddressError("names two databases: leave out ?db= or the number after the host")
    if not all(re.fullmatch(r"[0-9]{1,4}", name) for name in names):
        raise AddressError("names no database: write its number, as in redis://host:6379/0")
    return int(names.pop()) if names else 0


def _parse_replicas(options: Mapping[str, str]) -> int:
    count = options.get("replicas", "0")
    if not _REPLICAS.fullmatch(count):
        raise AddressError("asks for replicas wrongly: write replicas=1")
    return int(count)


def _query(tls: Mapping[str, Any]) -> str:
    return urlencode(tls, safe="/")


def _parse_tls(options: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the TLS options with the values that redis-py takes."""
    tls: dict[str, Any] = {name: options[name] for name in _TLS_FILES if name in options}
    if (check := options.get("ssl_cert_reqs")) is not None:
        if check not in _CERTIFICATE_CHECKS:
            raise AddressError("checks certificates oddly: write ssl_cert_reqs=required or none")
        tls["ssl_cert_reqs"] = _CERTIFICATE_CHECKS[check]
    if (flag := options.get("ssl_check_hostname")) is not None:
        if flag.lower() not in _FLAGS:
            raise AddressError("checks host names oddly: write ssl_check_hostname=true or false")
        tls["ssl_check_hostname"] = _FLAGS[flag.lower()]
    return tls


def _parse_hosts(text: str, port: int) -> tuple[tuple[str, int], ...]:
    """Read "one:1,two"; empty where any of them is malformed."""
    matches = [re.fullmatch(r"([^:]+)(?::(\d{1,5}))?", host) for host in text.split(",")]
    return () if None in matches else tuple((one[1], int(one[2] or port)) for one in matches if one)


def _parse_login(text: str) -> tuple[str | None, str | None]:
    username, _, password = text.partition(":")
    return unquote(username) or None, unquote(password) or None
