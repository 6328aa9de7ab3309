"""Where the store is, read from one address: a server, or sentinels that know which one it is."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

SENTINEL_PORT = 26379
_ENDING = re.compile(r"[?&]replicas=(\d)$")


class AddressError(ValueError):
    """This is no address of a store."""


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says; `url` is what a driver understands where there are no sentinels."""

    url: str = field(repr=False)
    replicas: int = 0  # how many must have what counts before it counts
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""  # the name under which the sentinels know it
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def login(self) -> dict[str, Any]:
        """Return what the server behind the sentinels is asked for and with."""
        return {"db": self.db, "username": self.username, "password": self.password}


def parse(text: str) -> Address:
    """Read redis://…, rediss://…, unix://… or redis-sentinel://host:port,…/name/db.

    `?replicas=n`, or `&replicas=n` after other options, may end each. Raises AddressError.
    """
    ending = _ENDING.search(text)
    url = text[: ending.start()] if ending else text
    replicas = ending[1] if ending else "0"
    scheme = url.partition("://")[0]
    if re.search(r"[?&]replicas=", url):
        raise AddressError("asks for replicas wrongly: end it with ?replicas=1")
    if scheme == "redis-sentinel":
        return _behind_sentinels(url, int(replicas))
    if scheme not in ("redis", "rediss", "unix") or scheme == url:
        raise AddressError("is no Redis address: write redis://host:6379/0")
    return Address(url, int(replicas))


def _behind_sentinels(url: str, replicas: int) -> Address:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    found = [re.fullmatch(r"([^:]+)(?::(\d{1,5}))?", host) for host in hosts.split(",")]
    path = re.fullmatch(r"/([\w.-]+)(?:/(\d{1,4}))?", parts.path)
    if not path or None in found or parts.query:
        raise AddressError("is no address: write redis-sentinel://host:26379,host:26379/name/0")
    username, _, password = login.partition(":")
    return Address(
        url=url,
        replicas=replicas,
        sentinels=tuple((one[1], int(one[2] or SENTINEL_PORT)) for one in found if one),
        primary=path[1],
        db=int(path[2] or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
    )
