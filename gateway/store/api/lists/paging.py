"""Pages of a list: entries are read until a page is full, or enough of them were not wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gateway.core.api.lists.cursor import ListPlace

MOST_EXAMINED = 1_000  # entries whose rows one page reads
MOST_ROUNDS = 100  # looks at the lists of numbers
AT_ONCE = 200  # entries in a look, where not all are wanted
NEWEST = ListPlace(1 << 47)  # after every moment

Entry = tuple[ListPlace, str]
T = TypeVar("T")


class EntrySource(Protocol):
    """A list of entries behind a place, the newest first."""

    @property
    def rest(self) -> ListPlace | None:
        """Return the place behind which are all entries that were not given; None at the end."""

    def read(self, most: int) -> Sequence[Entry]:
        """Return the next entries, fewer where much had to be passed."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items of a page, and where the next one begins; None at the end."""

    items: Sequence[T]
    end: ListPlace | None


def read_page(
    source: EntrySource,
    read_items: Callable[[Sequence[Entry]], Sequence[T | None]],
    limit: int,
    *,
    filtered: bool,
) -> Page[T]:
    """Return up to `limit` items; `read_items` gives that of each entry, None if not wanted.

    Raises StoreUnavailableError or ScriptError.
    """
    found, examined = list[T](), 0
    for _ in range(MOST_ROUNDS):
        most = AT_ONCE if filtered else limit - len(found)
        entries = source.read(min(most, MOST_EXAMINED - examined))
        examined += len(entries)
        for (place, _), item in zip(entries, read_items(entries), strict=True):
            found += [] if item is None else [item]
            if len(found) == limit:
                is_last = place == entries[-1][0] and source.rest is None
                return Page(found, None if is_last else place)
        if source.rest is None or examined >= MOST_EXAMINED:
            break
    return Page(found, source.rest)
