"""Key scan: all keys of a store, in pages that can be taken up again.

A cursor means nothing to another process of a server, so it is kept with the name of its own.
Raises StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from gateway.store.redis.client import Store, translate_error
from gateway.store.redis.driver import Client

AT_ONCE = 500  # keys that one step of a scan looks at
_SEPARATOR = ":"


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys of one server, and where the next page begins, "" at the end."""

    names: tuple[bytes, ...]
    position: str


def scan_keys(store: Store, pattern: str, position: str) -> KeyPage:
    """Return a page of the keys of a pattern; keys that are there all the time are found once.

    A scan begins anew where the server, or its process, is not the one of the position.
    """
    servers: Any = store.run(lambda client: client.ask_each(lambda one: one))
    index, run_id, cursor = _parse(position)
    if index >= len(servers):
        index, run_id, cursor = 0, "", 0
    server: Client | RedisError = servers[index]
    if isinstance(server, RedisError):
        raise translate_error(server) from server
    current = _run(lambda: server.info("server")["run_id"])
    if run_id not in ("", current):
        return KeyPage((), _pack(0, "", 0))
    cursor, names = _run(lambda: server.scan(cursor, pattern, AT_ONCE))
    if cursor:
        return KeyPage(tuple(names), _pack(index, current, cursor))
    is_last = index + 1 >= len(servers)
    return KeyPage(tuple(names), "" if is_last else _pack(index + 1, "", 0))


def _parse(position: str) -> tuple[int, str, int]:
    if not position:
        return 0, "", 0
    index, run_id, cursor = position.split(_SEPARATOR)
    return int(index), run_id, int(cursor)


def _pack(index: int, run_id: str, cursor: int) -> str:
    return _SEPARATOR.join((str(index), run_id, str(cursor)))


def _run(command: Callable[[], Any]) -> Any:
    try:
        return command()
    except RedisError as error:
        raise translate_error(error) from error
