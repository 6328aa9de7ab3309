"""Stream pages: the streams of many keys, one after another, in pages that can be taken up again.

Raises StoreUnavailableError or ScriptError.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.store.redis.client import Store

Entry = tuple[str, dict[bytes, bytes]]
_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Some entries of one stream, and where the next page begins, "" at the end of the last."""

    owner: str
    entries: tuple[Entry, ...]
    position: str


def read_page(
    store: Store, owners: Sequence[str], key_of: Callable[[str], str], position: str, most: int
) -> StreamPage | None:
    """Return the next entries of the streams of `owners`, which are in order; None without any.

    An owner that went away meanwhile is passed over.
    """
    owner, after = _find_place(owners, position)
    if owner is None:
        return None
    key = key_of(owner)
    rows: Any = store.run(lambda client: client.xrange(key, f"({after}", "+", count=most))
    entries = tuple((raw.decode(), fields) for raw, fields in rows)
    if len(entries) == most:
        return StreamPage(owner, entries, f"{owner}{_SEPARATOR}{entries[-1][0]}")
    following = bisect_right(owners, owner)
    is_last = following >= len(owners)
    return StreamPage(owner, entries, "" if is_last else f"{owners[following]}{_SEPARATOR}0-0")


def _find_place(owners: Sequence[str], position: str) -> tuple[str | None, str]:
    """Return the owner of a position, or the next one, and the entry after which to read."""
    if not position:
        return (owners[0] if owners else None), "0-0"
    owner, _, after = position.rpartition(_SEPARATOR)
    if owner in owners:
        return owner, after
    following = bisect_right(owners, owner)
    return (owners[following], "0-0") if following < len(owners) else (None, "")
