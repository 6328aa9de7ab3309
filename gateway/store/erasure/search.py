"""Search: what is looked for, of whom, and in which of our numbers."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.contacts.person import Person
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store

NUMBERS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class PersonSearch:
    """A search for what is stored of a customer; `scope` are numbers of ours, None for all."""

    store: Store
    bodies: Bodies
    person: Person
    scope: tuple[str, ...] | None = None

    def numbers(self) -> Sequence[str]:
        """Return the numbers to look at, in order. Raises StoreUnavailableError."""
        return sorted(self.scope) if self.scope is not None else number_list.numbers(self.store)

    def number_page(self, position: str) -> tuple[Sequence[str], str]:
        """Return the next numbers to look at, from a position on, and the position after them."""
        known = self.numbers()
        start = bisect_left(known, position) if position else 0
        page = known[start : start + NUMBERS_AT_ONCE]
        following = known[start + NUMBERS_AT_ONCE : start + NUMBERS_AT_ONCE + 1]
        return page, following[0] if following else ""

    def includes(self, prefix: str) -> bool:
        """Say whether keys with the prefix of a number are looked at."""
        if self.scope is None:
            return True
        return prefix in {keys.number(one) for one in self.scope}
