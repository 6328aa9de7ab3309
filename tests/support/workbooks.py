"""Workbooks as spreadsheets save them, written cell by cell."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        'ContentType="application/xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/>'
        "</cellXfs></styleSheet>"
    ),
}
_FIRST_DAY = date(1899, 12, 30)


def a_workbook(
    *rows: Sequence[Any], first_line: int = 1, hidden: Sequence[Sequence[Any]] | None = None
) -> bytes:
    """Return a workbook with these rows in its only sheet that is shown.

    A date is a number with the form of a date, None no cell, and a text that begins with # what a
    failed formula shows. With `hidden` a hidden sheet stands before it.
    """
    sheets = [("Hidden", hidden, 1)] if hidden is not None else []
    sheets.append(("People", rows, first_line))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, text in {**_PARTS, **_book([one[0] for one in sheets])}.items():
            parts.writestr(name, text)
        for i, (_, content, line) in enumerate(sheets, 1):
            body = "".join(_row(line + n, row) for n, row in enumerate(content or ()))
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
            parts.writestr(f"xl/worksheets/sheet{i}.xml", sheet)
    return out.getvalue()


def with_cells(workbook: bytes, cells: str) -> bytes:
    """Return a workbook whose sheets have more rows at their ends, as they are written there."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as given, zipfile.ZipFile(out, "w") as parts:
        for name in given.namelist():
            text = given.read(name).decode()
            parts.writestr(name, text.replace("</sheetData>", f"{cells}</sheetData>"))
    return out.getvalue()


def _book(names: Sequence[str]) -> dict[str, str]:
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"'
        + (' state="hidden"/>' if name == "Hidden" else "/>")
        for i, name in enumerate(names, 1)
    )
    links = "".join(
        f'<Relationship Id="r{i}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(names) + 1)
    )
    return {
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships">{links}<Relationship Id="s" '
            f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
        ),
    }


def _row(line: int, cells: Iterable[Any]) -> str:
    given = [(chr(ord("A") + i), cell) for i, cell in enumerate(cells) if cell is not None]
    return f'<row r="{line}">' + "".join(_cell(f"{at}{line}", one) for at, one in given) + "</row>"


def _cell(place: str, cell: Any) -> str:
    match cell:
        case bool():
            return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
        case date():
            return f'<c r="{place}" s="1"><v>{(cell - _FIRST_DAY).days}</v></c>'
        case str() if cell.startswith("#"):
            return f'<c r="{place}" t="e"><v>{cell}</v></c>'
        case str():
            return f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        case _:
            return f'<c r="{place}"><v>{cell}</v></c>'
