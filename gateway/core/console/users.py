"""Users of the console: their roles, and the form in which a user is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import orjson

from gateway.core.api.keys import ADMIN as ADMIN_SCOPE
from gateway.core.api.keys import READ, SEND, ApiKey
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

LOOK, REPLY, OPERATE, ADMIN = "look", "reply", "operate", "admin"
# Each role may do all that those before it may.
ROLES = (LOOK, REPLY, OPERATE, ADMIN)
# An operator needs the scope of admin for holds and campaigns; what is for the role of admin alone
# is decided by the console's own actions.
_SCOPES: Mapping[str, frozenset[str]] = {
    LOOK: frozenset({READ}),
    REPLY: frozenset({READ, SEND}),
    OPERATE: frozenset({READ, SEND, ADMIN_SCOPE}),
    ADMIN: frozenset({READ, SEND, ADMIN_SCOPE}),
}


@dataclass(frozen=True, slots=True)
class ConsoleUser:
    """Somebody who may sign in; `password_hash` is Argon2's, with its salt and its parameters."""

    id: str  # another one after a user was removed and added again
    name: str
    role: str
    password_hash: str = field(repr=False)
    created_at: datetime

    def may(self, role: str) -> bool:
        """Say whether the user has a role, or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def api_key(self) -> ApiKey:
        """Return the key with which the console asks the API for this user."""
        return ApiKey(f"console-{self.id}", "", _SCOPES[self.role], name=self.name)

    def pack(self) -> bytes:
        """Return the user as it is stored."""
        return orjson.dumps(
            {
                "id": self.id,
                "role": self.role,
                "argon2": self.password_hash,
                "created": ms_from_datetime(self.created_at),
            }
        )

    @classmethod
    def unpack(cls, name: str, stored: bytes) -> Self:
        """Return a user as stored. Raises ValueError, KeyError or TypeError for an odd row."""
        row: Mapping[str, Any] = orjson.loads(stored)
        if row["role"] not in ROLES:
            raise ValueError("unknown role")
        created_at = datetime_from_ms(row["created"])
        return cls(str(row["id"]), name, row["role"], str(row["argon2"]), created_at)
