"""Stored users of the console. All of it may raise StoreUnavailableError."""

from typing import Any

from gateway.core.console.users import ConsoleUser
from gateway.store import keys
from gateway.store.redis.client import Store

MOST_USERS = 1_000
USERS = f"{keys.CONSOLE}users"


class TooManyUsersError(Exception):
    """There is no room for another user."""


class KnownUserError(Exception):
    """There is a user of this name already."""


def add_user(store: Store, user: ConsoleUser, *, replace: bool = False) -> None:
    """Store a user. Raises KnownUserError, unless it is to be replaced, or TooManyUsersError."""
    count: Any = store.run(lambda client: client.hlen(USERS))
    if count >= MOST_USERS:
        raise TooManyUsersError
    if replace:
        store.run(lambda client: client.hset(USERS, user.name, user.pack()))
    elif not store.run(lambda client: client.hsetnx(USERS, user.name, user.pack())):
        raise KnownUserError


def remove_user(store: Store, name: str) -> bool:
    """Remove a user, whose sign-ins end with it; false where there is none of this name."""
    return bool(store.run(lambda client: client.hdel(USERS, name)))


def find_user(store: Store, name: str) -> ConsoleUser | None:
    """Return a user by name."""
    row: Any = store.run(lambda client: client.hget(USERS, name))
    return parse_user(name, row)


def read_users(store: Store) -> list[ConsoleUser]:
    """Return all users, by name."""
    rows: Any = store.run(lambda client: client.hgetall(USERS))
    found = (parse_user(name.decode(), row) for name, row in rows.items())
    return sorted(filter(None, found), key=lambda user: user.name)


def parse_user(name: str, row: bytes | None) -> ConsoleUser | None:
    """Return a stored user; one that cannot be read may do nothing."""
    try:
        return None if row is None else ConsoleUser.unpack(name, row)
    except (ValueError, KeyError, TypeError):
        return None
