"""Extent of a sheet: how many rows and columns there are up to its last cell with a value.

The reader of workbooks holds the smallest rectangle around all cells in memory, so one cell far
away, or a first row that is much wider than the others, can take all that there is.
"""

from collections.abc import Mapping
from typing import IO
from xml.parsers import expat

from gateway.core.tables.phone_cells import TableError

# The reader holds some 70 bytes for each place, and its text: a full table takes a gigabyte.
MOST_PLACES = 10_000_000
_AT_ONCE = 1024**2


def check_extent(sheet: IO[bytes]) -> None:
    """Raise TableError where a sheet has too many places, and ExpatError where it is no XML."""
    extent, parser, is_open = _Extent(), expat.ParserCreate(), True
    parser.StartElementHandler = extent.read_element
    while is_open:
        part = sheet.read(_AT_ONCE)
        is_open = bool(part)
        parser.Parse(part, not is_open)
        if extent.rows * extent.columns > MOST_PLACES:
            raise TableError(
                f"The sheet has more than {MOST_PLACES:,} places up to its last cell: delete the "
                "rows and columns that hold none of the table, or save it as “CSV UTF-8”."
            )


class _Extent:
    """Rows and columns up to the last cell with a value, as the elements of a sheet come.

    A row or a cell need not say where it is: then it is behind the one before.
    """

    def __init__(self) -> None:
        self.rows = self.columns = 1
        self._row = self._column = 0
        self._widths: dict[str, int] = {}

    def read_element(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element. Raises ValueError for a place that cannot be read."""
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._enter_cell(attributes.get("r", ""))
        elif kind in ("v", "is"):
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._column)
        elif kind == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0

    def _enter_cell(self, place: str) -> None:
        if not place:
            self._column += 1
            return
        letters = place.rstrip("0123456789")
        self._row = int(place[len(letters) :])
        if letters not in self._widths:
            self._widths[letters] = _width_to(letters)
        self._column = self._widths[letters]


def _width_to(column: str) -> int:
    """Return how many columns there are up to one, which is named as in BC."""
    width = 0
    for letter in column:
        width = width * 26 + ord(letter) - ord("A") + 1
    return width
