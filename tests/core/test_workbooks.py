"""Workbooks: cells as people see them, and what a spreadsheet makes of phone numbers."""

import io
import sys
import zipfile
from contextlib import suppress
from datetime import date
from typing import Any

import pytest

from gateway.core.campaigns.audience import AudienceReader
from gateway.core.tables.phone_cells import TableError
from gateway.tables import workbook
from gateway.tables.table import read_table
from tests.support.workbooks import a_workbook, with_cells

HEAD = ("phone", "first")


def read(content: bytes) -> list[tuple[int, dict[str, str]]]:
    return list(read_table(io.BytesIO(content)))


def values_of(*cells: Any) -> list[str]:
    rows = ((351912345678 + i, cell) for i, cell in enumerate(cells))
    return [row["first"] for _, row in read(a_workbook(HEAD, *rows))]


def test_lines_are_those_of_the_sheet() -> None:
    content = a_workbook(HEAD, (), ("+351912345678", "José"), (), ("00351912345679", "Ana"))

    assert read(content) == [
        (3, {"phone": "+351912345678", "first": "José"}),
        (5, {"phone": "00351912345679", "first": "Ana"}),
    ]
    assert [line for line, _ in read(a_workbook(HEAD, ("+351912345678", "A"), first_line=4))] == [5]


def test_cells_are_texts_as_people_see_them() -> None:
    given = (7, 7.0, 0.1 + 0.2, 1.25, True, date(2026, 12, 1), "Ana & Rui", "#N/A", None)

    assert values_of(*given) == [
        "7", "7", "0.3", "1.25", "TRUE", "2026-12-01", "Ana & Rui", "", ""
    ]  # fmt: skip


def test_a_hidden_sheet_is_nobodys_audience() -> None:
    content = a_workbook(HEAD, ("+351912345678", "Ana"), hidden=[HEAD, ("+351999999999", "No")])

    assert [row["first"] for _, row in read(content)] == ["Ana"]


@pytest.mark.parametrize(
    ("cell", "outcome"),
    [
        (351912345678, "351912345678"),
        (351912345678.0, "351912345678"),
        ("351912345678.0", "351912345678"),
        ("+351 912 345 678", "351912345678"),
        (351912345678.5, "invalid"),
        (3.51912345678e17, "invalid"),
        ("3.51912E+11", "invalid"),
        (date(2026, 12, 1), "invalid"),
        ("01/12/2026", "invalid"),
        ("#REF!", "empty"),
        (None, "empty"),
        (True, "invalid"),
    ],
)
def test_a_number_is_read_exactly_or_left_out(cell: Any, outcome: str) -> None:
    reader = AudienceReader(frozenset())

    found = list(reader.read(read(a_workbook(HEAD, (cell, "Ana")))))

    assert [one.phone for one in found] + list(reader.skipped) == [outcome]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (a_workbook(HEAD, ("+351912345678", "Ana"))[:-40], "damaged, or breaks off"),
        (a_workbook(), "first sheet of the workbook is empty"),
        (a_workbook(("phone", "a", "a")), "Two columns have the name a"),
        (a_workbook(HEAD, ("+351912345678", "Ana", "more")), "Line 2 has a value in column 3"),
        (a_workbook(HEAD, ("+351912345678", "x" * 5_000)), "Line 2 has a cell of more than"),
    ],
)
def test_a_workbook_that_cannot_be_read_says_where(content: bytes, detail: str) -> None:
    with pytest.raises(TableError, match=detail):
        read(content)


def test_a_zip_that_is_no_workbook_or_is_too_large_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("people.csv", "phone\n")

    with pytest.raises(TableError, match=r"no \.xlsx"):
        read(out.getvalue())
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 100)
    with pytest.raises(TableError, match="too large"):
        read(a_workbook(HEAD))


FAR = "1048576"


@pytest.mark.parametrize(
    "rows",
    [
        f'<row r="{FAR}"><c r="T{FAR}"><v>1</v></c></row>',
        '<row r="4000000000"><c r="T4000000000"><v>1</v></c></row>',
        f"<row r='{FAR}'><c  s = '1'\n r = 'T{FAR}'><v>1</v></c></row>",
        f'<a:row xmlns:a="urn:a" r="{FAR}"><a:c t=">" r="T{FAR}"><a:v>1</a:v></a:c></a:row>',
        f'<row r="{FAR}">{"<c/>" * 19}<c><v>1</v></c></row>',
        f'<row r="{FAR}"><c r="S{FAR}"/><c t="inlineStr"><is><t>1</t></is></c></row>',
        f"<row>{'<c><v>1</v></c>' * 16_000}</row>{'<row><c><v>1</v></c></row>' * 700}",
    ],
    ids=["by its place", "beyond all rows", "with spaces", "with a prefix", "behind cells without "
         "places", "behind a cell with a place", "a wide row and many"],
)  # fmt: skip
def test_a_cell_far_away_is_refused_before_it_takes_memory(rows: str) -> None:
    content = a_workbook(HEAD, ("+351912345678", "Ana"))

    with pytest.raises(TableError, match="more than 10,000,000 places"):
        read(with_cells(content, rows))


def test_rows_and_cells_without_places_stand_behind_those_before() -> None:
    content = a_workbook(HEAD)
    cells = "<c><v>351912345678</v></c><c><v>{}</v></c>"
    rows = f'<row>{cells.format(1)}</row><row r="5">{cells.format(2)}</row>'

    found = read(with_cells(content, f"{rows}<row>{cells.format(3)}</row>"))

    assert [(line, row["first"]) for line, row in found] == [(2, "1"), (5, "2"), (6, "3")]


@pytest.mark.parametrize("part", ["content.xml", "xl/worksheets/sheet1.bin"])
def test_a_workbook_of_another_form_is_refused_by_its_form(part: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr(part, b"")

    with pytest.raises(TableError, match=r"no \.xlsx"):
        read(out.getvalue())


def test_far_away_cells_without_a_value_do_no_harm() -> None:
    content = a_workbook(HEAD, ("+351912345678", "Ana"))

    padded = with_cells(content, '<row r="9999999"><c r="XFD9999999" s="1"/></row>')

    assert len(read(padded)) == 1


@pytest.mark.parametrize("value", ["1e999", "NaN"])
def test_a_number_that_is_none_is_an_empty_cell(value: str) -> None:
    content = a_workbook(HEAD, ("+351912345678", "Ana"))

    row = f'<row r="3"><c r="A3"><v>1</v></c><c r="B3"><v>{value}</v></c></row>'
    broken = with_cells(content, row)

    assert read(broken)[1][1]["first"] == ""


def test_a_workbook_with_any_byte_changed_is_read_or_refused() -> None:
    content = a_workbook(HEAD, ("+351912345678", "Ana"))

    for i in range(len(content)):
        with suppress(TableError):
            read(content[:i] + bytes([content[i] ^ 0xFF]) + content[i + 1 :])


def test_without_the_extra_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)

    with pytest.raises(TableError, match=r"whatsapp-gateway\[xlsx\]"):
        read(a_workbook(HEAD))
