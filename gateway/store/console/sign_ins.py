"""Stored sign-ins of the console, the tries before them, and what each may see unmasked.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from gateway.core.console.sign_ins import (
    FREE_TRIES_OF_ADDRESS,
    FREE_TRIES_OF_NAME,
    LONGEST_WAIT_MS,
    TRIES_FORGOTTEN_MS,
    SignIn,
)
from gateway.core.console.users import ConsoleUser
from gateway.store import keys
from gateway.store.console.users import USERS, parse_user
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands

# Of more, those that end soonest go first.
MOST_SIGN_INS = 1_000
SIGN_INS, SIGN_IN_ENDS = f"{keys.CONSOLE}sign_ins", f"{keys.CONSOLE}sign_in_ends"
REVEALED_MS = 15 * 60_000


def add_sign_in(store: Store, sign_in: SignIn) -> None:
    """Store a sign-in, and forget those that have ended."""
    until_ms = int(sign_in.until.timestamp() * 1000)
    args = (sign_in.digest, sign_in.pack(), until_ms, MOST_SIGN_INS)
    store.call("add_sign_in", keys.CONSOLE, *args)


def find_signed_in(store: Store, digest: str, now: datetime) -> ConsoleUser | None:
    """Return the user of a sign-in, None where it has ended, or the user is another one now."""
    (row,) = run_commands(store, ("HGET", SIGN_INS, digest))
    sign_in = _parse(digest, row)
    if sign_in is None or sign_in.until <= now:
        return None
    (stored,) = run_commands(store, ("HGET", USERS, sign_in.user))
    user = parse_user(sign_in.user, stored)
    return user if user and user.id == sign_in.user_id else None


def read_sign_ins(store: Store, now: datetime) -> list[SignIn]:
    """Return the sign-ins that have not ended, the newest first."""
    rows: Any = store.run(lambda client: client.hgetall(SIGN_INS))
    found = (_parse(digest.decode(), row) for digest, row in rows.items())
    valid = [one for one in found if one and one.until > now]
    return sorted(valid, key=lambda one: one.since, reverse=True)


def end_sign_ins(store: Store, digests: Sequence[str]) -> int:
    """End sign-ins; return how many there were."""
    if not digests:
        return 0
    ended, _ = run_commands(store, ("HDEL", SIGN_INS, *digests), ("ZREM", SIGN_IN_ENDS, *digests))
    return int(ended)


def take_try(store: Store, name: str, address: str) -> int:
    """Count a try to sign in; return how many ms to wait first, 0 where it may be made.

    It is counted before the password is compared, so that many at once gain nothing.
    """
    limits = (FREE_TRIES_OF_NAME, FREE_TRIES_OF_ADDRESS, LONGEST_WAIT_MS, TRIES_FORGOTTEN_MS)
    return int(store.call("take_try", keys.CONSOLE, *_tries_of(name, address), *limits))


def count_success(store: Store, name: str, address: str) -> None:
    """Forget the tries of a user who has signed in, and of the address this try alone.

    Whoever may sign in as one user must not be able to try others' passwords without end.
    """
    of_name, of_address = (f"{keys.CONSOLE}tries:{one}" for one in _tries_of(name, address))
    run_commands(
        store,
        ("DEL", of_name),
        ("HINCRBY", of_address, "count", -1),
        # It may have been forgotten in between, and is made by this.
        ("PEXPIRE", of_address, TRIES_FORGOTTEN_MS),
    )


def reveal(store: Store, digest: str, what: str) -> None:
    """Let a sign-in see something unmasked for a while."""
    store.run(lambda client: client.set(_revealed(digest, what), 1, px=REVEALED_MS))


def is_revealed(store: Store, digest: str, what: str) -> bool:
    """Say whether a sign-in may see something unmasked."""
    return bool(store.run(lambda client: client.exists(_revealed(digest, what))))


def _revealed(digest: str, what: str) -> str:
    # The digest of a sign-in is a secret of 32 bytes, so nobody can guess what this names.
    return f"{keys.CONSOLE}revealed:{_short_hash(digest + what)}"


def _tries_of(name: str, address: str) -> tuple[str, str]:
    return f"name:{_short_hash(name)}", f"address:{_short_hash(address)}"


def _short_hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _parse(digest: str, row: bytes | None) -> SignIn | None:
    try:
        return None if row is None else SignIn.unpack(digest, row)
    except (ValueError, KeyError, TypeError):
        return None
