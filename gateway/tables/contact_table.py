"""Table of contacts as it is written: CSV or JSON Lines, which an import reads again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.tables.contact_rows import (
    NAME,
    OPTED_OUT,
    TAG_SIGN,
    TAGS,
    USER_ID,
    VARIABLE,
)
from gateway.core.tables.phone_columns import is_phone_column
from gateway.tables.csv_lines import FORMULAS, iter_csv_lines

PHONE = "phone"
COLUMNS = (PHONE, USER_ID, NAME, TAGS, OPTED_OUT)


def column_of(variable: str) -> str:
    """Return the column of a variable, which is no column of ours."""
    is_taken = variable in COLUMNS or is_phone_column(variable)
    return f"{VARIABLE}{variable}" if is_taken else variable


def cells_of(contact: Contact) -> dict[str, str]:
    """Return the cells of a contact by their columns; only that of the phone may be empty."""
    cells = {
        PHONE: contact.wa_id and f"+{contact.wa_id}",
        USER_ID: contact.user_id,
        NAME: contact.name,
        TAGS: TAG_SIGN.join(contact.tags),
        OPTED_OUT: "yes" if contact.opted_out_at else "",
        **{column_of(name): value for name, value in contact.vars.items()},
    }
    return {column: cell for column, cell in cells.items() if cell or column == PHONE}


def iter_json_lines(contacts: Iterator[Contact]) -> Iterator[str]:
    """Yield a line for each contact."""
    for one in contacts:
        yield orjson.dumps(cells_of(one), option=orjson.OPT_APPEND_NEWLINE).decode()


def iter_csv(contacts: Iterator[Contact], variables: Collection[str]) -> Iterator[str]:
    """Yield the lines of CSV, some at a time; `variables` are the columns beside ours."""
    columns = [*COLUMNS, *map(column_of, sorted(variables))]
    rows = (_row(cells_of(one), columns) for one in contacts)
    yield from iter_csv_lines(chain([columns], rows))


def _row(cells: Mapping[str, str], columns: Sequence[str]) -> list[str]:
    return [_guard(column, cells.get(column, "")) for column in columns]


def _guard(column: str, cell: str) -> str:
    """Return a cell that no spreadsheet runs; an import takes the tab away again."""
    if column == PHONE:
        return cell.removeprefix("+")
    return f"\t{cell}" if cell.startswith(FORMULAS) else cell
