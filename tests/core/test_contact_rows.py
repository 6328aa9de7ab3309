"""Rows of a table of contacts: what is noted of whom, and which rows count for nothing."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.tables.contact_rows import ContactRow, ContactRowReader, apply_row
from gateway.core.tables.phone_cells import TableError
from gateway.tables.contact_table import iter_csv, iter_json_lines
from gateway.tables.table import read_table

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
ANA = "351912345678"


def rows_of(text: str, **others: Any) -> tuple[list[ContactRow], ContactRowReader]:
    reader = ContactRowReader(**others)
    return list(reader.read(read_table(io.BytesIO(text.encode())))), reader


def test_columns_are_name_tags_consent_and_variables() -> None:
    (row,), _ = rows_of(
        f"phone,name,tags,opted_out,size,variables.name\n+{ANA},Ana,vip; new,yes,38,A\n",
        tags=("spring",),
    )

    assert row == ContactRow(
        2, ANA, "", "Ana", ("vip", "new", "spring"), (), {"size": "38", "name": "A"}, True
    )


def test_empty_cells_change_nothing() -> None:
    (row,), _ = rows_of(f"phone,name,tags,opted_out,size\n+{ANA},,,no,\n")
    before = Contact(ANA, wa_id=ANA, name="Ana", tags=("vip",), vars={"size": "38"})

    assert apply_row(before, row, NOW) == before


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ("12,Ana,,", "no possible phone number"),
        (",Ana,,", "has no number"),
        ("3.51E+11,Ana,,", "destroyed by a spreadsheet"),
        (f"00{ANA},Again,,", "named before"),
        ("+351912345679,Ana,,maybe", "neither yes nor no"),
        (f"+351912345679,Ana,{'x' * 201},", "tag of more than"),
        ("+351912345679,Ana,,,Ana", "user id that is none"),
        (",Ana,,,351912345679", "user id that is none"),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_with_its_line(row: str, detail: str) -> None:
    row += "," * (4 - row.count(","))
    found, reader = rows_of(f"phone,name,tags,opted_out,user_id\n+{ANA},Ana,,,\n\n{row}\n")

    assert [one.line for one in found] == [2]
    ((line, told),) = reader.problems
    assert (line, reader.left_out, detail in told) == (4, 1, True)


@pytest.mark.parametrize(
    ("head", "detail"),
    [
        ("phone,First name", "The column First name has no name of a variable: call it First_name"),
        ("phone,mobile", "More than one column may hold the phone number, phone, mobile"),
        ("phone,1", "has no name of a variable"),
    ],
)
def test_a_table_whose_columns_mean_nothing_is_refused(head: str, detail: str) -> None:
    with pytest.raises(TableError, match=detail):
        rows_of(f"{head}\n+{ANA},x\n")


def test_only_tags_count_where_only_they_are_wanted() -> None:
    (row,), _ = rows_of(f"phone,First name\n+{ANA},Ana\n", tags=("vip",), tags_only=True)

    assert (row.tags, row.name, row.variables) == (("vip",), "", {})


def test_what_is_known_from_meta_stays_and_nobody_is_opted_in() -> None:
    known = Contact(ANA, wa_id=ANA, name="Ana M", named_at=NOW, opted_out_at=NOW, tags=("old",))
    row = ContactRow(2, ANA, name="Ana", tags=("new",), without_tags=("old",), variables={"a": "b"})

    after = apply_row(known, row, NOW)

    assert after == replace(known, tags=("new",), vars={"a": "b"})
    assert apply_row(after, row, NOW) == after


def test_a_contact_without_room_is_left_as_it_is() -> None:
    row = ContactRow(2, ANA, variables={"a": "x" * 9_000})

    assert apply_row(Contact(ANA), row, NOW) is None


def test_what_is_exported_can_be_imported_again() -> None:
    contacts = [
        Contact(ANA, wa_id=ANA, name="=1+1", tags=("a", "b"), vars={"mobile": "no", "size": "38"}),
        Contact("PT.1", user_id="PT.1", opted_out_at=NOW, vars={"name": "-x"}),
    ]
    csv = "".join(iter_csv(iter(contacts), {"mobile", "size", "name"}))
    lines = "".join(iter_json_lines(iter(contacts)))

    assert "\t=1+1" in csv
    for text in (csv, lines):
        found, reader = rows_of(text)
        assert reader.problems == []
        made = [apply_row(Contact(one.key), one, NOW) for one in found]
        shown = [(one.name, one.tags, one.vars, bool(one.opted_out_at)) for one in made if one]
        assert shown == [
            ("=1+1", ("a", "b"), {"mobile": "no", "size": "38"}, False),
            ("", (), {"name": "-x"}, True),
        ]
