"""API keys: what each may do, and how one is recognized by its hash."""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

READ, SEND, ADMIN = "read", "send", "admin"
SCOPES = (READ, SEND, ADMIN)
KEY_PREFIX = "gwk_"
HASH_PREFIX = "sha256:"
# Requests a second of a key that names no rate; a burst is five seconds' worth.
DEFAULT_RATE = 200
BURST_S = 5
# A release that knows no accounts would take a key without numbers for one that may use all.
_NO_NUMBER = ""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of the API; `digest` is the SHA-256 of its text, in hexadecimal digits.

    A fast hash is enough, since a key is 32 random bytes and not a word.
    """

    id: str
    digest: str = field(repr=False)
    scopes: frozenset[str] = frozenset(SCOPES)
    name: str = ""
    numbers: tuple[str, ...] = ()  # ids of our numbers to which it is bound
    accounts: tuple[str, ...] = ()  # names of accounts to whose numbers it is bound
    rate: int = DEFAULT_RATE
    created_at: datetime | None = None
    expires_at: datetime | None = None

    def may(self, scope: str) -> bool:
        """Say whether the key has a scope."""
        return scope in self.scopes

    def may_use(self, number: str) -> bool:
        """Say whether the key may see one of our numbers, and send from it.

        A key that is bound to nothing may use all. Accounts count once `bind_accounts` put their
        numbers into the key.
        """
        is_bound = bool(self.numbers or self.accounts)
        return not is_bound or number in self.numbers

    def is_expired(self, now: datetime) -> bool:
        """Say whether the key is of no use any more."""
        return self.expires_at is not None and self.expires_at <= now


def hash_key(text: str) -> str:
    """Return the digest under which a key is known."""
    return sha256(text.encode()).hexdigest()


def environment_key(text: str) -> ApiKey:
    """Return the key that a setting names, in plain text or as its hash; it has all scopes."""
    is_hash = text.startswith(HASH_PREFIX)
    digest = text.removeprefix(HASH_PREFIX).lower() if is_hash else hash_key(text)
    return ApiKey(f"env-{digest[:8]}", digest, name="from the environment")


def find_key(keys: Iterable[ApiKey], digest: str) -> ApiKey | None:
    """Return the key of a digest; every key is compared, so the time tells nothing of any."""
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def bind_accounts(key: ApiKey, numbers_of: Callable[[str], Iterable[str]]) -> ApiKey:
    """Return a key with the numbers that its accounts have now."""
    if not key.accounts:
        return key
    numbers = [number for account in key.accounts for number in numbers_of(account)]
    return replace(key, numbers=(*key.numbers, *numbers))


def pack_key(key: ApiKey) -> bytes:
    """Return a key as it is stored."""
    return orjson.dumps(
        {
            "name": key.name,
            "sha256": key.digest,
            "scopes": sorted(key.scopes),
            "numbers": key.numbers or ((_NO_NUMBER,) if key.accounts else ()),
            "accounts": key.accounts,
            "rate": key.rate,
            "created": _stamp(key.created_at),
            "expires": _stamp(key.expires_at),
        }
    )


def unpack_key(id_: str, stored: bytes) -> ApiKey:
    """Return a key as it was stored. Raises ValueError, KeyError or TypeError for an odd one."""
    row: Mapping[str, Any] = orjson.loads(stored)
    return ApiKey(
        id=id_,
        digest=row["sha256"],
        scopes=frozenset(row["scopes"]),
        name=row["name"],
        numbers=tuple(one for one in row["numbers"] if one != _NO_NUMBER),
        accounts=tuple(row.get("accounts", ())),
        rate=int(row["rate"]),
        created_at=_moment(row.get("created")),
        expires_at=_moment(row.get("expires")),
    )


def _stamp(at: datetime | None) -> int | None:
    return ms_from_datetime(at) if at else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime_from_ms(stamp) if stamp is not None else None
