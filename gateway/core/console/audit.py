"""Audit entries: who did what in the console, to whom or what, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import orjson

from gateway.core.storage.timestamps import datetime_from_ms


@dataclass(frozen=True, slots=True)
class AuditSubject:
    """What an entry says of a customer; erasing the customer removes it from the entry."""

    number: str  # of ours
    contact: str = field(repr=False)  # the key of the contact
    reason: str = field(default="", repr=False)  # in the user's words, which may name anybody

    def pack(self) -> bytes:
        """Return it as it is stored."""
        return orjson.dumps({"number": self.number, "contact": self.contact, "reason": self.reason})

    @classmethod
    def unpack(cls, stored: bytes) -> Self:
        """Return it as it was stored. Raises ValueError, KeyError or TypeError for an odd row."""
        row: Mapping[str, Any] = orjson.loads(stored)
        return cls(str(row["number"]), str(row["contact"]), str(row["reason"]))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; `what` names the action, `about` what it was done to, without personal data."""

    user: str
    what: str
    about: str = ""
    subject: AuditSubject | None = None
    accounts: tuple[str, ...] = ()  # to which the user was bound
    id: str = ""  # the store gives it, with the moment

    @property
    def at(self) -> datetime:
        """Return when it was noted, by the server's clock."""
        return datetime_from_ms(self.id.partition("-")[0])
