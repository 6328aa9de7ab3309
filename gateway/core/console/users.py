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
CONSOLE_KEY = "console-"  # before the id of a user, in that of the key with which they act
_ROLE, _BOUND_ROLE = "role", "bound_role"  # in a stored row
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
    accounts: tuple[str, ...] = ()  # names of those that they may see; none: everything

    def may(self, role: str) -> bool:
        """Say whether the user has a role, or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_see(self, account: str) -> bool:
        """Say whether the user may see an account; "" stands for what belongs to none."""
        return not self.accounts or account in self.accounts

    def api_key(self) -> ApiKey:
        """Return the key with which the console asks the API for this user."""
        scopes, key_id = _SCOPES[self.role], f"{CONSOLE_KEY}{self.id}"
        return ApiKey(key_id, "", scopes, name=self.name, accounts=self.accounts)

    def pack(self) -> bytes:
        """Return the user as it is stored."""
        # A release that knows no accounts would show everything to a user whose role it can read.
        role = _BOUND_ROLE if self.accounts else _ROLE
        return orjson.dumps(
            {
                "id": self.id,
                role: self.role,
                "argon2": self.password_hash,
                "created": ms_from_datetime(self.created_at),
                **({"accounts": self.accounts} if self.accounts else {}),
            }
        )

    @classmethod
    def unpack(cls, name: str, stored: bytes) -> Self:
        """Return a user as stored. Raises ValueError, KeyError or TypeError for an odd row."""
        row: Mapping[str, Any] = orjson.loads(stored)
        accounts = tuple(map(str, row.get("accounts", ())))
        role = row[_BOUND_ROLE if accounts else _ROLE]
        if role not in ROLES:
            raise ValueError("unknown role")
        created_at = datetime_from_ms(row["created"])
        return cls(str(row["id"]), name, role, str(row["argon2"]), created_at, accounts)


def describe_actor(key: ApiKey) -> str:
    """Return who acts with a key: a user of the console, or a client of the API."""
    is_user = key.id.startswith(CONSOLE_KEY)
    return f"{key.name}, in the console" if is_user else f"key {key.name or key.id}"
