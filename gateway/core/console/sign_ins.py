"""Sign-ins of the console: their form, and how long a wrong password makes the next one wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Self

import orjson

from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

LIFETIME = timedelta(hours=12)
# Wrong passwords that cost no wait: of a name, and of an address, which may be a whole office's.
FREE_TRIES_OF_NAME, FREE_TRIES_OF_ADDRESS = 5, 20
# The wait doubles from a second on. It is short, since anybody can make the owner of a name wait.
LONGEST_WAIT_MS = 60_000
TRIES_FORGOTTEN_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class SignIn:
    """A user who has signed in; the cookie holds a token of which only the digest is stored."""

    digest: str
    user: str
    user_id: str
    since: datetime
    until: datetime

    def pack(self) -> bytes:
        """Return the sign-in as it is stored."""
        return orjson.dumps(
            {
                "user": self.user,
                "id": self.user_id,
                "since": ms_from_datetime(self.since),
                "until": ms_from_datetime(self.until),
            }
        )

    @classmethod
    def unpack(cls, digest: str, stored: bytes) -> Self:
        """Return it as it was stored. Raises ValueError, KeyError or TypeError for an odd row."""
        row: Mapping[str, Any] = orjson.loads(stored)
        since, until = datetime_from_ms(row["since"]), datetime_from_ms(row["until"])
        return cls(digest, str(row["user"]), str(row["id"]), since, until)


def hash_token(token: str) -> str:
    """Return the digest under which a sign-in is stored; a token is 32 random bytes."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
