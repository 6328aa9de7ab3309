"""Ownership of a store: whose it is, and which releases may still work on it; pure."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Self

import orjson

EMPTIED_FOR_MS = 86_400_000
# Fields of a stored owner that this release knows.
_KNOWN = ("id", "name", "number", "app", "needs", "emptied_ms")


@dataclass(frozen=True, slots=True)
class Installation:
    """A gateway with all its processes: the name that its operator set, and its ids at Meta."""

    name: str = ""
    number: str = ""
    app: str = ""

    def __str__(self) -> str:
        """Return the name, and the ids by which an operator recognizes it."""
        named = (("", self.name), ("number ", self.number), ("app ", self.app))
        return ", ".join(f"{label}{value}" for label, value in named if value) or "nameless"


@dataclass(frozen=True, slots=True)
class StoreOwner:
    """Owner of a store, as it is kept there.

    `id` is another one after the store was emptied. `needs` is the format of what is stored, and
    `emptied_ms` is when a process found that the store had been emptied, 0 if never.
    """

    id: str
    installation: Installation = Installation()
    needs: int = 0
    emptied_ms: int = 0
    more: dict[str, Any] = field(default_factory=dict)  # fields of other releases

    @classmethod
    def unpack(cls, stored: bytes) -> Self | None:
        """Return the owner as this release or another stored it; None if none can be read."""
        try:
            row = dict(orjson.loads(stored))
        except (ValueError, TypeError):
            return None
        return cls(
            id=row.get("id", ""),
            installation=Installation(*(row.get(name, "") for name in ("name", "number", "app"))),
            needs=row.get("needs", 0),
            emptied_ms=row.get("emptied_ms", 0),
            more={name: value for name, value in row.items() if name not in _KNOWN},
        )

    def pack(self) -> bytes:
        """Return the owner as it is stored."""
        mine = self.installation
        known = (self.id, mine.name, mine.number, mine.app, self.needs, self.emptied_ms)
        return orjson.dumps(self.more | dict(zip(_KNOWN, known, strict=True)))

    def is_emptied(self, now_ms: int) -> bool:
        """Return whether the store was found emptied within the last day."""
        return bool(self.emptied_ms) and now_ms - self.emptied_ms < EMPTIED_FOR_MS


def is_same(one: Installation, other: Installation) -> bool:
    """Return whether both are one installation: by name if both have one, else by ids at Meta."""
    if one.name and other.name:
        return one.name == other.name
    has_other_app = bool(one.app and other.app) and one.app != other.app
    return one.number == other.number and not has_other_app


def stranger_problem(owner: StoreOwner | None, mine: Installation) -> str:
    """Return why this installation may not work on the store, "" if it may."""
    if owner is None or is_same(owner.installation, mine):
        return ""
    return (
        f"The store belongs to another installation ({owner.installation}), and this is "
        f"{mine}. Point REDIS_URL to a store of its own; if both are one installation, set "
        "the same GATEWAY_INSTALLATION for both and start its owner first; gateway adopt takes "
        "the store over for good."
    )


def format_problem(owner: StoreOwner | None, known: int) -> str:
    """Return why a release that knows the format `known` may not start, "" if it may."""
    if owner is None or owner.needs <= known:
        return ""
    return (
        f"A newer release has stored what this one would lose (format {owner.needs}; this release "
        f"knows {known}). Start the newer release, or restore a backup from before it."
    )


def settle_owner(
    stored: StoreOwner | None,
    mine: Installation,
    seen_ids: Collection[str],
    new: StoreOwner,
    now_ms: int,
) -> StoreOwner:
    """Return the owner that the store should have, now that `mine` works on it.

    `new` is the owner of a store that has none. A process that has seen the store under another id
    knows that it was emptied, or replaced, meanwhile.
    """
    if stored is None:
        return replace(new, emptied_ms=now_ms if seen_ids else 0)
    if seen_ids and stored.id not in seen_ids and not stored.emptied_ms:
        stored = replace(stored, emptied_ms=now_ms)
    if stranger_problem(stored, mine):
        return stored
    theirs = stored.installation
    learned = replace(theirs, name=theirs.name or mine.name, app=theirs.app or mine.app)
    return replace(stored, installation=learned, needs=max(stored.needs, new.needs))
