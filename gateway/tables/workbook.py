"""Workbooks (.xlsx): the first sheet that is shown, its cells as the texts that people see in them.

The reader is an extra, since few need it and it is 2 MB of machine code.
"""

import importlib
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError

from gateway.core.tables.phone_cells import TableError
from gateway.tables.sheet_extent import check_extent
from gateway.tables.text_table import Cells, check_cell, read_header

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
IS_ZIP = b"PK\x03\x04"
INSTALL = 'pip install "whatsapp-gateway[xlsx]", or pip install -r requirements/xlsx.txt'
MOST_UNPACKED = 512 * 1024**2  # it is held in memory whole
_SHEETS = "xl/worksheets/"
# All that reading a damaged archive was seen to raise; only the first is documented.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(RuntimeError, EOFError, OSError, ValueError, ExpatError),
)
# Up to here each whole number has a form of its own among the numbers of a spreadsheet.
MOST_EXACT = 2**53
# What a formula shows that failed; nobody is to read it in a message.
_FAILED = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!"})


def read_workbook(file: BinaryIO) -> Cells:
    """Yield the line and the named cells of each row. Raises TableError."""
    _check_size(file)
    sheet = _open_sheet(file)
    rows = _iter_rows(sheet)
    first = next(rows, None)
    if first is None:
        raise TableError("The first sheet of the workbook is empty.")
    header = read_header([_text_of(cell) for cell in first[1]])
    for line, row in rows:
        texts = [check_cell(_text_of(cell), line) for cell in row]
        if beyond := [i for i, text in enumerate(texts) if text and not header[i]]:
            raise TableError(
                f"Line {line} has a value in column {beyond[0] + 1}, which has no name."
            )
        yield line, {name: text for name, text in zip(header, texts, strict=True) if name}


def _check_size(file: BinaryIO) -> None:
    """Raise TableError for a workbook that takes more memory than there may be."""
    try:
        with zipfile.ZipFile(file) as parts:
            if sum(one.file_size for one in parts.infolist()) > MOST_UNPACKED:
                raise TableError("The workbook is too large: save it as “CSV UTF-8”.")
            sheets = [name for name in parts.namelist() if name.lower().startswith(_SHEETS)]
            if not sheets or any(name.lower().endswith(".bin") for name in sheets):
                raise TableError("The file is no .xlsx: save it as one, or as “CSV UTF-8”.")
            for name in sheets:
                with parts.open(name) as sheet:
                    check_extent(sheet)
    except _DAMAGED:
        raise TableError("The workbook is damaged, or breaks off.") from None
    file.seek(0)


def _open_sheet(file: BinaryIO) -> Any:
    try:
        calamine: Any = importlib.import_module("python_calamine")
    except ModuleNotFoundError:
        raise TableError(
            f"Reading .xlsx needs an extra: {INSTALL}. Or save the file as “CSV UTF-8”."
        ) from None
    try:
        book = calamine.CalamineWorkbook.from_filelike(file)
        shown = calamine.SheetVisibleEnum.Visible, calamine.SheetTypeEnum.WorkSheet
        names = [one.name for one in book.sheets_metadata if (one.visible, one.typ) == shown]
        if not names:
            raise TableError("The workbook has no sheet that is shown.")
        return book.get_sheet_by_name(names[0])
    except calamine.PasswordError:
        raise TableError("The workbook has a password: save it without one.") from None
    except calamine.CalamineError as error:
        raise TableError(f"The workbook cannot be read ({type(error).__name__}).") from None


def _iter_rows(sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield the rows that hold anything, each with its number in the sheet."""
    for i, row in enumerate(sheet.iter_rows(), 1):
        if any(_text_of(cell) for cell in row):
            yield i, row


def _text_of(cell: Any) -> str:
    """Return a cell as a person reads it; "" for a formula that failed."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int | float):
        return _write_number(cell)
    if isinstance(cell, date | time | timedelta):
        return _write_moment(cell)
    text = str(cell)
    return "" if text.strip() in _FAILED else text


def _write_moment(cell: date | time | timedelta) -> str:
    """Return a date without its time where that is midnight."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d}" if cell.time() == time() else f"{cell:%Y-%m-%d %H:%M}"
    return f"{cell:%H:%M}" if isinstance(cell, time) else str(cell)


def _write_number(number: float) -> str:
    """Return a number without the decimals that only the machine knows."""
    if not math.isfinite(number):
        return ""  # no program writes it
    is_whole = number == int(number) and abs(number) <= MOST_EXACT
    return str(int(number)) if is_whole else f"{number:.15g}"
