"""Lines of CSV as we write them, for programs or for a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

ROWS_AT_ONCE = 1_000
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULAS = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_MARK = "\ufeff"  # by which Excel knows UTF-8


def iter_csv_lines(rows: Iterable[Sequence[object]], *, for_excel: bool = False) -> Iterator[str]:
    """Yield rows as lines of CSV, some at a time.

    No cell is a formula. For Excel, where a comma may stand in numbers, semicolons stand between
    the cells, and a byte order mark at the start.
    """
    buffer = io.StringIO()
    buffer.write(_MARK if for_excel else "")
    writer = csv.writer(buffer, delimiter=";" if for_excel else ",", lineterminator="\n")
    for i, row in enumerate(rows, 1):
        writer.writerow([_guard(str(cell)) for cell in row])
        if i % ROWS_AT_ONCE == 0:
            yield _drain(buffer)
    yield _drain(buffer)


def _guard(cell: str) -> str:
    """Return a cell that no spreadsheet runs; a number is none."""
    is_formula = cell.startswith(FORMULAS) and not _NUMBER.fullmatch(cell)
    return f"\t{cell}" if is_formula else cell


def _drain(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
