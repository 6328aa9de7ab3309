"""Tables of text: CSV and JSON Lines, in the encodings and delimiters that spreadsheets write.

The delimiter is the one under which a column has the name of a phone number, and the first lines
have a constant number of columns if they do under any; `csv.Sniffer` is wrong on ordinary files and
slow on large ones (https://github.com/python/cpython/issues/119123).
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import BinaryIO, NoReturn

import orjson

from gateway.core.formats import pluralize
from gateway.core.tables.phone_cells import TableError
from gateway.core.tables.phone_columns import find_phone_column, is_phone_column

MOST_BYTES = 2 * 1024**3
MOST_COLUMNS = 64
MOST_CELL = 4_096  # characters
MOST_LINE = MOST_COLUMNS * MOST_CELL
SAMPLE_LINES = 50
SAMPLE_BYTES = 65_536
START_BYTES = 64
LEAST_NULLS = 4  # of those bytes: UTF-16 has five in the word phone
_SIGNED = "utf-8-sig"
DELIMITERS = ",;\t|"
# In which people's spreadsheets write, in the order of how many do.
OTHER_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1254", "mac_roman")
# Texts in which no spreadsheet writes: some yield halves of letters, which nothing can store.
_ESCAPES = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"})
MOST_LETTERS = 4
# By which a file names its delimiter for Excel, in a line of its own before the columns' names.
_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
_BOMS = {b"\xef\xbb\xbf": _SIGNED, b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Cells = Iterator[tuple[int, dict[str, str]]]


def read_text_table(file: BinaryIO, encoding: str = "", phone_column: str = "") -> Cells:
    """Yield the line and the named cells of each row of a file that can seek.

    The encoding is that of the byte order mark, the one that is given, or else UTF-8.
    Raises TableError where the file cannot be read, with the place.
    """
    start = file.read(START_BYTES)
    file.seek(0)
    marked = next((name for bom, name in _BOMS.items() if start.startswith(bom)), "")
    if not marked and not encoding:
        _refuse_unmarked(start)
    lines = _Lines(file, marked or encoding or "utf-8")
    first = _read_first(lines)
    if first.lstrip().startswith("{"):
        yield from _read_json_lines(first, lines)
    else:
        yield from _read_csv(first, lines, phone_column)


def _refuse_unmarked(start: bytes) -> None:
    """Refuse UTF-16 without a byte order mark, by the null bytes of the columns' names.

    As UTF-8 they are text as well, in which no column has a name that anybody knows.
    Raises TableError.
    """
    nulls = start[::2].count(0), start[1::2].count(0)
    if min(nulls) or max(nulls) < LEAST_NULLS:
        return
    encoding = "utf-16-be" if nulls[0] else "utf-16-le"
    raise TableError(
        "The file is in UTF-16 without a byte order mark: save it as “CSV UTF-8”, or name its "
        f"encoding, {encoding}."
    )


class _Lines:
    """Lines of a file, counted; bytes of another encoding are an error that names the line."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        """Take the file at its start. Raises TableError for an encoding that there is not."""
        _check_encoding(encoding)
        self.encoding, self.number = encoding, 0
        # A line of UTF-16 does not end with the byte of a line's end.
        is_wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
        is_text = is_wide or _ends_lines_with_returns(file)
        self._read = self._read_text(file) if is_text else self._read_bytes(file)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._read)
        except UnicodeError as error:
            raise TableError(
                f"Line {self.number + 1} is not in the encoding {self.encoding}: save the file as "
                f"“CSV UTF-8”, or name its encoding, such as cp1252.{_read_otherwise(error)}"
            ) from None
        self.number += 1
        return line

    def _read_bytes(self, file: BinaryIO) -> Iterator[str]:
        while line := file.readline(MOST_LINE):
            is_marked = self.encoding == _SIGNED and self.number == 0
            yield line.decode(self.encoding if is_marked or self.encoding != _SIGNED else "utf-8")

    def _read_text(self, file: BinaryIO) -> Iterator[str]:
        text = io.TextIOWrapper(file, self.encoding, newline="")
        try:
            while line := text.readline(MOST_LINE):
                yield line
        finally:
            # Otherwise it would close the file, which an import reads once more.
            with suppress(ValueError):  # its owner has closed it
                text.detach()


def _read_otherwise(error: UnicodeError) -> str:
    """Say which letters a line that is no UTF-8 would have in other encodings.

    Whoever knows the names sees which are right, and programs that guess are wrong on short ones.
    A few letters in the order of their bytes tell nothing of a customer.
    """
    if not isinstance(error, UnicodeDecodeError) or error.encoding != "utf-8":
        return ""
    signs = bytes(sorted({byte for byte in error.object if byte >= 128})[:MOST_LETTERS])
    names: dict[str, str] = {}
    for name in OTHER_ENCODINGS:
        names.setdefault(signs.decode(name, "replace"), name)
    readings = [f"{text} in {name}" for text, name in names.items() if text.isalpha()]
    return f" Its letters would be {', '.join(readings)}." if readings else ""


def _check_encoding(encoding: str) -> None:
    try:
        with suppress(UnicodeError):  # the first line says so
            b"phone".decode(encoding)  # some codecs are known, and none of a text
        is_known = codecs.lookup(encoding).name not in _ESCAPES
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        raise TableError(f"There is no encoding {encoding[:64]}: try utf-8 or cp1252.")


def _ends_lines_with_returns(file: BinaryIO) -> bool:
    """Say whether only returns end the lines of a file at its start, as in "CSV (Macintosh)"."""
    sample = file.read(SAMPLE_BYTES)
    file.seek(0)
    return b"\r" in sample[:-1] and b"\n" not in sample


def _read_json_lines(first: str, lines: _Lines) -> Cells:
    for line in chain([first], lines):
        if not line.strip():
            continue
        try:
            row = _parse_json(line)
        except orjson.JSONDecodeError:
            raise TableError(f"Line {lines.number} is no JSON object.") from None
        if not isinstance(row, dict) or len(row) > MOST_COLUMNS:
            raise TableError(f"Line {lines.number} is no object of up to {MOST_COLUMNS} fields.")
        yield lines.number, {name: _cell(value, lines.number) for name, value in row.items()}


def _parse_json(line: str) -> object:
    """Return a value with its numbers as they are written, where parsing may lose their digits."""
    value = orjson.loads(line)
    if isinstance(value, dict) and any(isinstance(one, float) for one in value.values()):
        # As a number 3.51912E+11 would be a phone number, though a wrong one.
        return json.loads(line, parse_float=str, parse_int=str)
    return value


def _cell(value: object, line: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TableError(f"Line {line} holds a value that is neither a text nor a number.")
    return check_cell(str(value), line)


def _read_first(lines: _Lines) -> str:
    """Return the next line that is not blank. Raises TableError where there is none."""
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise TableError("The file is empty.")
    return first


def _read_csv(first: str, lines: _Lines, phone_column: str) -> Cells:
    separator = _SEPARATOR.fullmatch(first)
    first = _read_first(lines) if separator else first
    sample = [first, *islice(lines, SAMPLE_LINES)]
    delimiter = separator[1] if separator else find_delimiter(sample, phone_column)
    if not delimiter and first.lstrip().startswith("["):
        raise TableError(
            "The file is a JSON array: write one object in each line, without brackets around "
            "them and commas between them, as jq -c '.[]' does."
        )
    if not delimiter:
        _refuse_columns(sample)
    reader = csv.reader(chain(sample, lines), delimiter=delimiter, strict=True)
    offset = lines.number - len(sample)  # blank lines before the first
    try:
        header = read_header(next(reader))
        for cells in reader:
            line = reader.line_num + offset
            if not any(cell.strip() for cell in cells):
                continue
            yield line, _named(header, cells, line)
    except csv.Error as error:
        line = reader.line_num + offset
        raise TableError(
            f"The file breaks off or has a stray quote at line {line} ({error})."
        ) from None


def read_header(names: Sequence[str]) -> list[str]:
    """Return the names of the columns. Raises TableError."""
    header = [name.strip() for name in names]
    if len(header) > MOST_COLUMNS:
        raise TableError(f"There are more than {MOST_COLUMNS} columns.")
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise TableError(f"Two columns have the name {twice[0][:64]}.")
    return header


def _named(header: Sequence[str], cells: Sequence[str], line: int) -> dict[str, str]:
    if len(cells) != len(header):
        has = pluralize(len(cells), "column")
        raise TableError(f"Line {line} has {has}, and the first line {len(header)}.")
    return {name: check_cell(cell, line) for name, cell in zip(header, cells, strict=True) if name}


def check_cell(cell: str, line: int) -> str:
    """Return a cell. Raises TableError where it is too long."""
    if len(cell) > MOST_CELL:
        raise TableError(f"Line {line} has a cell of more than {MOST_CELL:,} characters.")
    return cell


def find_delimiter(sample: Sequence[str], phone_column: str) -> str:
    """Return the delimiter of CSV by its first lines, "" where none fits.

    The names of the columns alone decide where a line has too many or too few of them; reading the
    file says which.
    """
    best = (False, 0, "")
    for delimiter in DELIMITERS:
        rows = _split_sample(sample, delimiter)
        names = rows[0] if rows else []
        # The sample may end inside a quoted cell, so its last row says nothing.
        is_constant = len({len(row) for row in rows[:-1] or rows}) == 1
        if _holds_phones(names, phone_column) and (is_constant, len(names)) > best[:2]:
            best = (is_constant, len(names), delimiter)
    return best[2]


def _holds_phones(names: Sequence[str], phone_column: str) -> bool:
    if phone_column:
        return phone_column in (name.strip() for name in names)
    return any(map(is_phone_column, names))


def _refuse_columns(sample: Sequence[str]) -> NoReturn:
    """Raise TableError for columns of which none holds phone numbers."""
    found = (_split_sample(sample, delimiter)[:1] for delimiter in DELIMITERS)
    names = max((rows[0] for rows in found if rows), key=len, default=[])
    if len(names) > 1:
        find_phone_column(names)
    raise TableError(
        "The first line must name the columns, one of them phone; between them stand "
        "commas, semicolons, tabs or |."
    )


def _split_sample(sample: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the rows up to one that cannot be read; reading the file names its line."""
    rows = []
    with suppress(csv.Error):
        for row in csv.reader(sample, delimiter=delimiter):
            if row:
                rows.append(row)
    return rows
