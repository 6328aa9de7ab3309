"""Sources of a repetition: the campaigns whose recipients it writes to once more, newest first."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

Scope = Literal["failed", "expired", "cancelled", "unconfirmed"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MOST_SOURCES = 10
# Cells of those who have the message, or may get it yet: a send can be repeated after a failure.
_SERVED = frozenset({"queued", "attempting", "accepted", "sent", "delivered", "read"})


class RetrySource(NamedTuple):
    """An ended campaign, and the cell whose recipients are written to once more."""

    campaign: str
    scope: Scope

    def serves(self, cell: str) -> bool:
        """Say whether that campaign's own message is enough for a recipient in a cell of it.

        Of the unconfirmed, who may have it, only their own repetition says that twice is better.
        """
        return cell in _SERVED or (cell == "unconfirmed" and self.scope != "unconfirmed")


def pack_sources(sources: Iterable[RetrySource]) -> str:
    """Return sources as a campaign's row holds them, the newest ones."""
    return " ".join(f"{one.campaign}:{one.scope}" for one in list(sources)[:MOST_SOURCES])


def unpack_sources(packed: str) -> tuple[RetrySource, ...]:
    """Return the sources in a campaign's row, as far as this release knows their cells."""
    pairs = (one.split(":", 1) for one in packed.split())
    return tuple(
        RetrySource(id_, scope) for id_, name in pairs for scope in SCOPES if scope == name
    )
