"""Merged lists: the lists of several numbers as one, the newest first.

Each number has its own, in the order of planning (`list_sends.lua`, `list_records.lua`); only the
beginnings are read, and of those that run out the next part.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from gateway.core.api.lists.cursor import ListPlace
from gateway.store.api.lists.paging import Entry
from gateway.store.redis.client import Call, ScriptError, Store

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _NumberList:
    """The part of a number's list that was read; `end` is where the rest begins, None if read."""

    end: ListPlace | None
    entries: deque[Entry] = field(default_factory=deque)


class MergedLists:
    """Gives the entries behind a place, and says where the rest is."""

    def __init__(
        self,
        store: Store,
        numbers: Sequence[str],
        after: ListPlace,
        list_call: Callable[[str, int, int, int], Call],
    ) -> None:
        """Take where the list begins, and the call that reads a part of a number's list.

        The call gets the number, the ms and the order in it before which the part is, and how many
        entries it has at most.
        """
        self._store = store
        self._lists = {one: _NumberList(after) for one in numbers}
        self._list_call = list_call

    @property
    def rest(self) -> ListPlace | None:
        """Return the place behind which are all entries that were not given; None at the end."""
        heads = (one.entries[0][0] for one in self._lists.values() if one.entries)
        # A place before the first of those that were read is as good as any before it.
        known = (ListPlace(head.ms, head.nth + 1, "") for head in heads)
        ends = (one.end for one in self._lists.values() if one.end and not one.entries)
        return max((*known, *ends), default=None)

    def read(self, most: int) -> list[Entry]:
        """Return the next entries, fewer where much had to be passed.

        Raises StoreUnavailableError.
        """
        self._read_on(most)
        end = max((one.end for one in self._lists.values() if one.end), default=None)
        newest = sorted(
            (
                entry
                for one in self._lists.values()
                for entry in one.entries
                if end is None or entry[0] >= end
            ),
            reverse=True,
        )[:most]
        for place, _ in newest:
            self._lists[place.number].entries.popleft()
        return newest

    def _read_on(self, most: int) -> None:
        asked = [
            (number, one.end)
            for number, one in self._lists.items()
            if one.end is not None and not one.entries
        ]
        if not asked:
            return
        share = min(most, 2 * most // len(asked) + 1)
        calls = [self._call(number, end, share) for number, end in asked]
        for (number, _), reply in zip(asked, self._store.call_many(calls), strict=True):
            if isinstance(reply, ScriptError):  # a number with damaged keys is left out
                log.warning("number_not_listed", number=number, error=str(reply))
                self._lists[number] = _NumberList(None)
            elif isinstance(reply, Exception):
                raise reply
            else:
                self._lists[number] = _parse_list(number, reply)

    def _call(self, number: str, place: ListPlace, most: int) -> Call:
        # In the same moment the names of numbers decide.
        nth = place.nth + (number < place.number)
        return self._list_call(number, place.ms, nth, most)


def _parse_list(number: str, reply: Any) -> _NumberList:
    end = ListPlace(reply[0], reply[1], number) if reply[0] else None
    entries = [
        (ListPlace(ms, nth, number), id_.decode())
        for ms, nth, id_ in zip(reply[2::3], reply[3::3], reply[4::3], strict=True)
    ]
    return _NumberList(end, deque(entries))
