"""Pages of lists: their cursors and links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.api.lists.cursor import (
    CursorMismatchError,
    ListPlace,
    read_cursor,
    read_name_cursor,
    write_cursor,
    write_name_cursor,
)
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.redis.client import Store
from gateway.web.api.problems import ApiError


@dataclass(frozen=True, slots=True)
class Cursors:
    """Cursors of one list with its filters, for keys that see the same numbers."""

    store: Store
    name: str
    key: ApiKey = field(repr=False)
    filters: str = field(repr=False)

    def read(self, cursor: str) -> ListPlace | None:
        """Return the place behind which a page begins, None for the first one.

        Raises ApiError, StoreUnavailableError or ScriptError.
        """
        if not cursor:
            return None
        try:
            return read_cursor(read_secret(self.store), self._scope(), cursor)
        except CursorMismatchError:
            raise ApiError("cursor-mismatch") from None

    def write(self, place: ListPlace | None) -> str | None:
        """Return the cursor of a place, None for the end.

        Raises StoreUnavailableError or ScriptError.
        """
        if place is None:
            return None
        return write_cursor(read_secret(self.store), self._scope(), place)

    def read_name(self, cursor: str) -> str:
        """Return the name behind which a page begins, "" for the first one.

        Raises ApiError, StoreUnavailableError or ScriptError.
        """
        if not cursor:
            return ""
        try:
            return read_name_cursor(read_secret(self.store), self._scope(), cursor)
        except CursorMismatchError:
            raise ApiError("cursor-mismatch") from None

    def write_name(self, name: str | None) -> str | None:
        """Return the cursor of a name in a list by name, None for the end.

        Raises StoreUnavailableError or ScriptError.
        """
        return name and write_name_cursor(read_secret(self.store), self._scope(), name)

    def _scope(self) -> str:
        seen = ",".join(sorted(self.key.numbers)) if self.key.numbers else "*"
        return f"{self.name}|{seen}|{self.filters}"


def next_link(path: str, query: Mapping[str, str], cursor: str) -> str:
    """Return the header that leads to the next page."""
    return f'<{path}?{urlencode(dict(query) | {"cursor": cursor})}>; rel="next"'


def choose_numbers(numbers: Sequence[str], key: ApiKey, name: str, wanted: str) -> list[str]:
    """Return the numbers that a key may see, or the one that a parameter wants. Raises ApiError."""
    seen = [one for one in numbers if key.may_use(one) and wanted in ("", one)]
    if wanted and not seen:
        detail = "is none of the numbers that this key may see"
        raise ApiError("invalid", errors=[FieldError(f"#/{name}", detail)])
    return seen
