"""Audience of a campaign: rows become recipients, or problems that name their line.

What cannot be read exactly is never guessed: a wrong number is somebody else's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.recipient import is_user_id
from gateway.core.api.schedules.cron import find_zone_problem, list_zones
from gateway.core.tables.phone_cells import PhoneCells, TableError
from gateway.core.tables.phone_columns import (
    ColumnError,
    describe_columns,
    find_phone_column,
    list_columns,
)
from gateway.core.webhook.phone_numbers import normalize_phone

MOST_ROWS = 1_000_000
MOST_PROBLEMS, SHOWN_PROBLEMS = 10_000, 100  # that are kept, and that are shown at once
MOST_COLUMN_NAME = 1_024  # characters
PHONE, USER_ID = "phone", "user_id"
ZONE = "zone"  # a column of the file, and a variable of a contact


class AudienceRow(NamedTuple):
    """One recipient: the line in the file, who it is, and the values of the columns."""

    line: int
    phone: str  # digits; the user id of a customer whose number is not known
    values: dict[str, str]
    zone: str = ""  # as the file names it


class RowProblem(NamedTuple):
    """A row that is left out, and why; neither repeats the number."""

    line: int
    cause: str  # invalid, empty, duplicate, missing or zone
    detail: str


@dataclass(slots=True)
class AudienceReader:
    """Reads rows, leaves out those that cannot be used, and counts what it left out."""

    columns: frozenset[str]  # that the message needs
    country: str = ""  # of national numbers
    reads_zones: bool = False  # a column `zone` counts
    column_map: Mapping[str, str] = field(default_factory=dict)  # see read_column_map
    seen: set[int | str] = field(default_factory=set, repr=False)
    skipped: dict[str, int] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    rows: int = 0
    _phones: PhoneCells = field(init=False)

    def __post_init__(self) -> None:
        """Read national numbers as those of the country."""
        self._phones = PhoneCells(self.country)

    @property
    def repaired(self) -> int:
        """Return how many numbers a spreadsheet had given a decimal point."""
        return self._phones.repaired

    def read(self, given: Iterable[tuple[int, dict[str, str]]]) -> Iterator[AudienceRow]:
        """Yield the recipients among rows of named cells. Raises TableError."""
        phone_column = ""
        for line, cells in given:
            phone_column = phone_column or self._find_columns(cells)
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise TableError(f"There are more than {MOST_ROWS:,} rows: split the file.")
            row = self._read_row(line, cells, phone_column)
            if isinstance(row, AudienceRow):
                yield row
            else:
                self._skip(row)

    def has_seen(self, name: str) -> bool:
        """Say whether a recipient with these digits, or this user id, was read before."""
        return _key_of(name) in self.seen

    def _find_columns(self, cells: dict[str, str]) -> str:
        """Return the column of the numbers, once every column that counts is there."""
        _refuse_missing("The map names", sorted({*self.column_map.values()} - cells.keys()), cells)
        phone_column = self.column_map.get(PHONE) or find_phone_column(cells)
        missing = sorted(self.columns - cells.keys() - self.column_map.keys())
        _refuse_missing("The message needs", missing, cells)
        return phone_column

    def _read_row(
        self, line: int, cells: dict[str, str], phone_column: str
    ) -> AudienceRow | RowProblem:
        phone = self._read_name(cells, phone_column)
        if not phone.isdigit() and not is_user_id(phone):
            return RowProblem(line, "empty" if not phone else "invalid", phone or "has no number")
        values = {one: cells.get(self.column_map.get(one, one), "") for one in self.columns}
        if empty := sorted(one for one, value in values.items() if not value.strip()):
            return RowProblem(line, "missing", f"has no value for {', '.join(empty)}")
        zone_column = self.column_map.get(ZONE, ZONE)
        zone = cells.get(zone_column, "").strip() if self.reads_zones else ""
        if zone and (problem := self._find_zone_problem(zone)):
            return RowProblem(line, "zone", f"has a zone that {problem}")
        key = _key_of(phone)
        if key in self.seen:
            return RowProblem(line, "duplicate", "names a recipient who was named before")
        self.seen.add(key)
        return AudienceRow(line, phone, values, zone)

    def _read_name(self, cells: Mapping[str, str], phone_column: str) -> str:
        """Return digits, else a user id; else "", or a sentence about the number's cell."""
        cell = cells.get(phone_column, "")
        phone = self._phones.read(cell)
        if phone.isdigit():
            return phone
        user_id = (cell if phone else cells.get(USER_ID, "")).strip()
        return user_id if is_user_id(user_id) else phone

    def _find_zone_problem(self, zone: str) -> str:
        if zone in list_zones():
            return ""
        # To look for what was meant takes milliseconds, which a million rows do not have.
        is_shown = len(self.problems) < SHOWN_PROBLEMS
        return find_zone_problem(zone) if is_shown else "is no time zone"

    def _skip(self, problem: RowProblem) -> None:
        self.skipped[problem.cause] = self.skipped.get(problem.cause, 0) + 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def read_column_map(reader: FieldReader, needed: frozenset[str]) -> dict[str, str]:
    """Return the columns that have other names than what they are for, and note what is wrong.

    They are given as {"phone": "Handynummer", "first": "First Name"}: the number, the zone, and
    what the message needs, each with the name of its column in the file.
    """
    reader.refuse_unknown(needed | {PHONE, ZONE})
    names = {name: reader.text(name, MOST_COLUMN_NAME).strip() for name in reader.fields}
    if not all(names.values()) and not reader.errors:
        reader.add("", "must have the name of a column for each")
    return names


def _key_of(name: str) -> int | str:
    """Return a recipient in a form that takes little memory, one for both forms of a number."""
    return int(normalize_phone(name)) if name.isdigit() else name


def _refuse_missing(who: str, missing: Sequence[str], cells: Mapping[str, str]) -> None:
    """Raise TableError for columns that the file lacks."""
    if missing:
        raise ColumnError(
            f"{who} the column{'s' * (len(missing) > 1)} {list_columns(missing)}, "
            f"which the file lacks: {describe_columns(sorted(cells))}."
        )
