"""Rows of a table of contacts: which customer, and what is noted of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from gateway.core.api.contact_request import MOST_TAG, MOST_TAGS
from gateway.core.api.recipient import is_user_id
from gateway.core.contacts.consent import ConsentChange, apply_consent
from gateway.core.contacts.contact import MOST_BYTES, Contact
from gateway.core.planning.contact_changes import FULL, set_variables, tag_contact, untag_contact
from gateway.core.tables.phone_cells import PhoneCells, TableError
from gateway.core.tables.phone_columns import find_phone_column
from gateway.core.webhook.phone_numbers import contact_key, normalize_phone

MOST_ROWS = 1_000_000
MOST_COLUMNS = 1_000  # whose names are kept: each line of JSON may have others
NAME, TAGS, OPTED_OUT, USER_ID = "name", "tags", "opted_out", "user_id"
_OWN = frozenset({NAME, TAGS, OPTED_OUT, USER_ID})
# A variable whose name is also that of a column has this before it.
VARIABLE = "variables."
TAG_SIGN = ";"
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0", ""})
_IMPORT = "a table that an operator gave"
NO_ROOM = f"has no room: tags and variables may take {MOST_BYTES // 1024} KB together"


@dataclass(frozen=True, slots=True)
class ContactRow:
    """What a row of the table says of a customer."""

    line: int
    phone: str = field(repr=False)  # digits, "" where only the user id is known
    user_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    tags: tuple[str, ...] = field(default=(), repr=False)
    without_tags: tuple[str, ...] = field(default=(), repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    opts_out: bool = False

    @property
    def key(self) -> str:
        """Return the name under which the store finds the contact."""
        return contact_key(self.phone, self.user_id)


@dataclass(slots=True)
class ContactRowReader:
    """Reads rows, leaves out those that cannot be used, and says which and why."""

    country: str = ""  # of national numbers
    tags: tuple[str, ...] = ()  # that all of them get
    without_tags: tuple[str, ...] = ()  # that all of them lose
    tags_only: bool = False  # no other column counts
    rows: int = 0
    seen: set[int | str] = field(default_factory=set, repr=False)
    problems: list[tuple[int, str]] = field(default_factory=list)
    left_out: int = 0
    _phones: PhoneCells = field(init=False)

    MOST_PROBLEMS = 100

    def __post_init__(self) -> None:
        """Read national numbers as those of the country."""
        self._phones = PhoneCells(self.country)

    def read(self, given: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[ContactRow]:
        """Yield the customers among rows of named cells. Raises TableError."""
        phone_column = ""
        for line, cells in given:
            if not self.rows:
                phone_column = find_phone_column(cells)
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise TableError(f"There are more than {MOST_ROWS:,} rows: split the file.")
            row = self._read_row(line, cells, phone_column)
            if isinstance(row, ContactRow):
                yield row
            else:
                self.leave_out(line, row)

    def leave_out(self, line: int, detail: str) -> None:
        """Note that a row counts for nothing."""
        self.left_out += 1
        if len(self.problems) < self.MOST_PROBLEMS:
            self.problems.append((line, detail))

    def _read_row(self, line: int, cells: Mapping[str, str], phone_column: str) -> ContactRow | str:
        phone = self._phones.read(cells.get(phone_column, ""))
        user_id = cells.get(USER_ID, "").strip()
        if problem := _find_name_problem(phone, user_id):
            return problem
        key = int(normalize_phone(phone)) if phone else user_id
        if key in self.seen:
            return "names a customer who was named before"
        answer, tags = cells.get(OPTED_OUT, "").strip().lower(), split_tags(cells.get(TAGS, ""))
        if answer not in _YES | _NO:
            return f"has a word in {OPTED_OUT} that is neither yes nor no"
        if len(tags) > MOST_TAGS or any(len(tag) > MOST_TAG for tag in tags):
            return f"has a tag of more than {MOST_TAG} characters, or more than {MOST_TAGS} tags"
        self.seen.add(key)
        if self.tags_only:
            return ContactRow(line, phone, user_id, "", self.tags, self.without_tags)
        return ContactRow(
            line,
            phone,
            user_id,
            name=cells.get(NAME, "").strip(),
            tags=(*tags, *self.tags),
            without_tags=self.without_tags,
            variables=self._read_variables(cells, phone_column),
            opts_out=answer in _YES,
        )

    def _read_variables(self, cells: Mapping[str, str], phone_column: str) -> dict[str, str]:
        """Return the variables of a row by name; lines of JSON need not have the same."""
        found: dict[str, str] = {}
        for column, cell in cells.items():
            if column == phone_column or column in _OWN:
                continue
            name = _name_variable(column)
            if text := cell.strip():
                found[name] = text
        return found


def _find_name_problem(phone: str, user_id: str) -> str:
    """Return why a customer cannot be found by these; `phone` may be a sentence about its cell."""
    if not phone.isdigit() and (phone or not user_id):
        return phone or "has no number"
    if user_id and not is_user_id(user_id):
        return "has a user id that is none: Meta's are such as PT.1349128"
    return ""


def apply_row(contact: Contact, row: ContactRow, now: datetime) -> Contact | None:
    """Return the contact with what a row says of it, None where there is no room.

    A name that came from Meta stays, and nobody is opted in. Applied again it changes nothing.
    """
    untagged = untag_contact(_name_contact(contact, row), row.without_tags)
    tagged = tag_contact(untagged.contact, row.tags)
    noted = set_variables(tagged.contact, row.variables)
    if FULL in (tagged.change, noted.change):
        return None
    after = noted.contact
    if row.opts_out and after.opted_out_at is None:
        after, _ = apply_consent(after, ConsentChange(True, _IMPORT), now)
    return after


def _name_contact(contact: Contact, row: ContactRow) -> Contact:
    """Return the contact with the names that it lacks; the same where it lacks none."""
    wa_id, user_id = contact.wa_id or row.phone, contact.user_id or row.user_id
    name = row.name if row.name and contact.named_at is None else contact.name
    if (wa_id, user_id, name) == (contact.wa_id, contact.user_id, contact.name):
        return contact
    return replace(contact, wa_id=wa_id, user_id=user_id, name=name)


def split_tags(text: str) -> tuple[str, ...]:
    """Return the tags in a text, with ; between them."""
    return tuple(tag for one in text.split(TAG_SIGN) if (tag := one.strip()))


@lru_cache(MOST_COLUMNS)
def _name_variable(column: str) -> str:
    """Return the name of the variable of a column. Raises TableError."""
    name = column.removeprefix(VARIABLE)
    if _VARIABLE_NAME.fullmatch(name):
        return name
    hint = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:64]
    told = f": call it {hint}" if _VARIABLE_NAME.fullmatch(hint) else ""
    raise TableError(f"The column {column[:64]} has no name of a variable{told}.")
