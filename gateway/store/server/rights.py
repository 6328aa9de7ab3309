"""Rights of the Redis user: tried once at the start, so that a missing one has a name.

A user that lacks a right may acknowledge deliveries that no worker can process.
"""

from collections.abc import Iterable
from typing import Any

from redis.exceptions import NoPermissionError, RedisError

from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.redis.driver import Client

_WAIT = "+wait"  # needed where replicas are asked for
_KEY = f"{keys.SPACE}rights"  # there is no such key
# A harmless command for each right, by the right as ACL SETUSER writes it.
_TRIALS: dict[str, tuple[str | float, ...]] = {
    "+info": ("INFO", "server"),
    "+time": ("TIME",),
    _WAIT: ("WAIT", 0, 1),
    "+script": ("SCRIPT", "EXISTS", "0" * 40),
    "+eval": ("EVAL", "return 0", 0),
    "+evalsha": ("EVALSHA", "0" * 40, 0),
    "+@read": ("GET", _KEY),
    "+@write": ("DEL", _KEY),
    "+@hash": ("HLEN", _KEY),
    "+@list": ("LLEN", _KEY),
    "+@set": ("SCARD", _KEY),
    "+@sortedset": ("ZCARD", _KEY),
    "+@stream": ("XLEN", _KEY),
    "+@blocking": ("BRPOP", _KEY, 0.001),
    # Celery's channels lie outside of our space.
    "+publish": ("PUBLISH", "/0.gateway.rights", ""),
}
_KEYS, _CHANNELS = f"~{keys.SPACE}*", "&*"


def find_missing_rights(store: Store) -> tuple[str, ...]:
    """Return the rights that the user lacks at any server; servers that do not answer lack none."""
    answers: Iterable[Any] = store.run(lambda client: client.ask_each(_try_rights))
    found = (right for one in answers if not isinstance(one, RedisError) for right in one)
    unused = set() if store.replicas else {_WAIT}
    return tuple(right for right in dict.fromkeys(found) if right not in unused)


def rights_problem(missing: tuple[str, ...]) -> str:
    """Return the sentence about missing rights, "" if there are none."""
    if not missing:
        return ""
    return (
        f"The user of REDIS_URL lacks rights: {' '.join(missing)}. Grant them with ACL SETUSER; "
        "docs/operations.md lists all."
    )


def _try_rights(client: Client) -> list[str]:
    pipe: Any = client.pipeline(transaction=False)
    for command in _TRIALS.values():
        pipe.execute_command(*command)
    answers = pipe.execute(raise_on_error=False)
    return [
        _missing_right(right, str(answer))
        for right, answer in zip(_TRIALS, answers, strict=True)
        if isinstance(answer, NoPermissionError)
    ]


def _missing_right(right: str, refusal: str) -> str:
    """Return what is missing: the command, or else the keys or channels that it names."""
    if "access" not in refusal:
        return right
    return _CHANNELS if "channel" in refusal else _KEYS
