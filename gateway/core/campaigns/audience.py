"""Audience of a campaign: rows become recipients, or problems that name their line.

What cannot be read exactly is never guessed: a wrong number is somebody else's.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.api.recipient import parse_national_phone, parse_phone
from gateway.core.api.schedules.cron import find_zone_problem, is_zone
from gateway.core.webhook.phone_numbers import normalize_phone

MOST_ROWS = 1_000_000
# Names of the column with the phone number, in small letters and without signs.
PHONE_COLUMNS = frozenset(
    {"phone", "phonenumber", "number", "mobile", "mobilephone", "cell", "to", "waid", "whatsapp"}
    | {"telefone", "telemovel", "celular", "telefono", "movil", "tel", "telefon", "handy", "msisdn"}
)
ZONE_COLUMN = "zone"
_EXPONENT = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]?\d+")
_DECIMAL = re.compile(r"(\d{7,15})[.,]0+")
_CLEAN = re.compile(r"\+?[1-9]\d{9,14}")


class AudienceError(Exception):
    """A file cannot be read as an audience at all; the message says why and where."""


class AudienceRow(NamedTuple):
    """One recipient: the line in the file, the number's digits, and the values of the columns."""

    line: int
    phone: str
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
    phone_column: str = ""  # "" to look for it among the names
    seen: set[int] = field(default_factory=set, repr=False)
    skipped: dict[str, int] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    repaired: int = 0
    rows: int = 0
    _zones: set[str] = field(default_factory=set, repr=False)

    MOST_PROBLEMS = 100

    def read(self, given: Iterable[tuple[int, dict[str, str]]]) -> Iterator[AudienceRow]:
        """Yield the recipients among rows of named cells. Raises AudienceError."""
        phone_column = self.phone_column
        for line, cells in given:
            phone_column = phone_column or self._find_columns(cells)
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise AudienceError(f"There are more than {MOST_ROWS:,} rows: split the file.")
            row = self._read_row(line, cells, phone_column)
            if isinstance(row, AudienceRow):
                yield row
            else:
                self._skip(row)

    def has_seen(self, phone: str) -> bool:
        """Say whether a recipient with these digits was read before."""
        return phone.isdigit() and int(normalize_phone(phone)) in self.seen

    def _find_columns(self, cells: dict[str, str]) -> str:
        found = [name for name in cells if plain_name(name) in PHONE_COLUMNS]
        if len(found) != 1:
            named = ", ".join(found) if found else "none of the columns"
            raise AudienceError(
                f"Exactly one column must hold the phone number, such as phone; here {named} does."
            )
        if missing := sorted(self.columns - cells.keys()):
            raise AudienceError(
                f"The message needs the columns {', '.join(missing)}, which the file lacks."
            )
        return found[0]

    def _read_row(
        self, line: int, cells: dict[str, str], phone_column: str
    ) -> AudienceRow | RowProblem:
        phone = self._read_phone(cells.get(phone_column, ""))
        if not phone.isdigit():
            return RowProblem(line, "empty" if not phone else "invalid", phone or "has no number")
        empty = sorted(one for one in self.columns if not cells.get(one, "").strip())
        if empty:
            return RowProblem(line, "missing", f"has no value for {', '.join(empty)}")
        zone = cells.get(ZONE_COLUMN, "").strip() if self.reads_zones else ""
        if zone and (problem := self._find_zone_problem(zone)):
            return RowProblem(line, "zone", f"has a zone that {problem}")
        key = int(normalize_phone(phone))
        if key in self.seen:
            return RowProblem(line, "duplicate", "names a recipient who was named before")
        self.seen.add(key)
        return AudienceRow(line, phone, {one: cells[one] for one in self.columns}, zone)

    def _read_phone(self, text: str) -> str:
        """Return the digits of a number; "" for an empty cell, else a sentence about it."""
        text = text.strip().lstrip("'").strip()
        if not text:
            return ""
        if _EXPONENT.fullmatch(text):
            return "was destroyed by a spreadsheet: format the column as text"
        if match := _DECIMAL.fullmatch(text):
            self.repaired += 1
            text = match[1]
        if _CLEAN.fullmatch(text) and (text[0] == "+" or not self.country):
            return parse_phone(text) or "is no possible phone number"
        national = parse_national_phone(text, self.country) if self.country else ""
        return parse_phone(text) or national or "is no possible phone number"

    def _find_zone_problem(self, zone: str) -> str:
        if zone in self._zones:
            return ""
        # To look for what was meant takes milliseconds, which a million rows do not have.
        if len(self.problems) >= self.MOST_PROBLEMS:
            return "" if is_zone(zone) else "is no time zone"
        problem = find_zone_problem(zone)
        if not problem:
            self._zones.add(zone)
        return problem

    def _skip(self, problem: RowProblem) -> None:
        self.skipped[problem.cause] = self.skipped.get(problem.cause, 0) + 1
        if len(self.problems) < self.MOST_PROBLEMS:
            self.problems.append(problem)


def plain_name(name: str) -> str:
    """Return the name of a column in small letters, without spaces and signs."""
    return re.sub(r"[\s_.-]", "", name).lower()
