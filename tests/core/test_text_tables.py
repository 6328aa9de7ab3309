"""Audience files: encodings, delimiters, quotes and lines as spreadsheets write them."""

import io

import pytest

from gateway.core.campaigns.audience import AudienceReader
from gateway.core.tables.phone_cells import TableError
from gateway.tables.table import read_table

ROWS = [{"phone": "+351912345678", "first": "José"}, {"phone": "+351912345679", "first": "Ana"}]
TEXT = "phone,first\n+351912345678,José\n+351912345679,Ana\n"


def read(content: bytes, encoding: str = "") -> list[dict[str, str]]:
    return [cells for _, cells in read_table(io.BytesIO(content), encoding)]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), ""),
        (TEXT.encode("utf-8-sig"), ""),
        (TEXT.encode("utf-16"), ""),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), ""),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.replace(",", ";").encode(), ""),
        (TEXT.replace(",", "\t").encode(), ""),
        (TEXT.replace(",", "|").encode(), ""),
        (TEXT.replace("\n", "\r\n").encode(), ""),
        (TEXT.replace("\n", "\r").encode("cp1252"), "cp1252"),
        (("\n\n" + TEXT.replace("\n", "\n\n")).encode(), ""),
        (TEXT.replace("José", '"José"').encode(), ""),
        (TEXT.rstrip().encode(), ""),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (("sep=;\r\n" + TEXT.replace(",", ";")).encode("utf-8-sig"), ""),
        (("SEP=,\n\n" + TEXT).encode("utf-16"), ""),
        (('"sep=\t"\n' + TEXT.replace(",", "\t")).encode(), ""),
        (("sep=:\n" + TEXT.replace(",", ":")).encode(), ""),
        (b'{"phone": "+351912345678", "first": "Jos\xc3\xa9"}\n\n'
         b'{"phone": "+351912345679", "first": "Ana"}', ""),
    ],
)  # fmt: skip
def test_a_file_is_read_however_it_was_saved(content: bytes, encoding: str) -> None:
    assert read(content, encoding) == ROWS


def test_the_delimiter_is_found_by_a_column_that_is_named() -> None:
    content = "Kontakt;Vorname, Name;Ort\n+351912345678;José, A;Porto\n".encode()

    with pytest.raises(TableError, match="the columns are Kontakt, Vorname, Name, Ort"):
        list(read_table(io.BytesIO(content)))
    assert list(read_table(io.BytesIO(content), "", "Kontakt")) == [
        (2, {"Kontakt": "+351912345678", "Vorname, Name": "José, A", "Ort": "Porto"})
    ]


def test_numbers_of_json_are_read_as_they_are_written() -> None:
    content = b"""{"phone": 3.51912E+11, "n": 1.50, "big": 123456789012345678901, "none": null}
{"phone": 351912345678, "n": -2, "big": 35191234567890123456}\n"""

    assert read(content) == [
        {"phone": "3.51912E+11", "n": "1.50", "big": "123456789012345678901", "none": ""},
        {"phone": "351912345678", "n": "-2", "big": "35191234567890123456"},
    ]


def test_a_number_of_json_with_an_exponent_is_no_phone_number() -> None:
    lines = b'{"phone": 3.51912E+11}\n{"phone": 351912345678.0}\n{"phone": 4915112345678.5}\n'
    reader = AudienceReader(frozenset())

    found = list(reader.read(read_table(io.BytesIO(lines))))

    assert [(row.line, row.phone) for row in found] == [(2, "351912345678")]
    assert [(one.line, one.cause) for one in reader.problems] == [(1, "invalid"), (3, "invalid")]
    assert reader.repaired == 1


def test_a_cell_may_hold_delimiters_quotes_and_line_breaks() -> None:
    content = b'phone,first\n+351912345678,"A ""B"", C\nD"\n+351912345679,E\n'

    found = list(read_table(io.BytesIO(content)))

    assert [line for line, _ in found] == [3, 4]
    assert found[0][1]["first"] == 'A "B", C\nD'


@pytest.mark.parametrize(
    ("content", "encoding", "detail"),
    [
        (b"", "", "empty"),
        (b"sep=;\n", "", "empty"),
        (b"sep=;\nphone;first\n+351912345678;Ana;more\n", "", "Line 3 has 3 columns"),
        (TEXT.encode("utf-16-le"), "", "UTF-16 without .* name its encoding, utf-16-le"),
        (TEXT.encode("utf-16-be"), "", "UTF-16 without .* name its encoding, utf-16-be"),
        (b'{"phone": "1"}\0\0\0\0\0', "", "Line 1 is no JSON"),
        (b'[{"phone": "1"}, {"phone": "2"}]', "", "JSON array: write one object in each line"),
        (b'[\n  {\n    "phone": "1"\n  }\n]\n', "", "JSON array: write one object in each line"),
        (b"\n \n", "", "empty"),
        (b"name;first\nA;B\n", "", "the columns are name, first. Call that column phone"),
        (b"name\nA\n", "", "first line must name"),
        (b"+351912345678;Ana\n", "", "^The first line must name the columns[^0-9]*$"),
        (
            b"phone,first\n+351912345678,a\n+351912345679,b,c\n+351912345670,d\n",
            "",
            "Line 3 has 3 columns, and the first line 2",
        ),
        (
            b"phone;first\n+351912345678;a,b\n+351912345679\n+351912345670;d,e\n",
            "",
            "Line 3 has 1 column, and the first line 2",
        ),
        (b"phone,first\n+351912345678,Ana\n\xe9,B\n", "", "Line 3 is not in the encoding"),
        (b'phone,first\n+351912345678,"Ana', "", "at line 2"),
        (b'phone,first\n+351912345678,"Ana"x\n', "", "at line 2"),
        (b"phone,first\n+351912345678,Ana,more\n", "", "Line 2 has 3 columns"),
        (b"phone,first,first\n+351912345678,A,B\n", "", "Two columns have the name first"),
        (b"phone,first\n+351912345678," + b"x" * 5_000, "", "Line 2 has a cell"),
        (b'{"phone": "1"}\n{"phone"', "", "Line 2 is no JSON"),
        (b'{"phone": ["1"]}', "", "Line 1 holds a value"),
        (TEXT.encode(), "klingon", "no encoding klingon"),
        (TEXT.encode(), "base64", "no encoding base64"),
        (TEXT.encode(), "utf-8\0", "no encoding utf-8"),
        (b"phone,first\n+351912345678,\\ud800\n", "Unicode_Escape", "no encoding Unicode_Escape"),
        (b"phone,first\n+351912345678,\\ud800\n", "raw-unicode-escape", "no encoding raw-unicode"),
        (TEXT.encode("utf-7"), "utf7", "no encoding utf7"),
        (b"phone,first\n+351912345678,A\rna\n", "", "at line 2"),
        (b"phone,first\n+351912345678," + b"x" * 200_000, "", "at line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    content: bytes, encoding: str, detail: str
) -> None:
    with pytest.raises(TableError, match=detail):
        read(content, encoding)


def test_a_line_that_names_the_delimiter_is_no_row_but_counts_as_a_line() -> None:
    content = b"\nsep=;\nphone;first\n\n+351912345678;Ana\n"

    assert [line for line, _ in read_table(io.BytesIO(content))] == [5]


@pytest.mark.parametrize(
    ("encoding", "name", "readings"),
    [
        ("cp1252", "João José", ["ãé in cp1252", "ăé in cp1250", "гй in cp1251"]),
        ("cp1250", "Łukasz", ["Ł in cp1250"]),
        ("cp1251", "Иван", ["Èàâí in cp1252", "Иавн in cp1251"]),
        ("cp1254", "Şükrü", ["Þü in cp1252", "Şü in cp1254"]),
        ("mac_roman", "José", ["é in mac_roman"]),
    ],
)
def test_letters_of_another_encoding_are_shown_as_each_reads_them(
    encoding: str, name: str, readings: list[str]
) -> None:
    content = f"phone,first\n+351912345678,{name}\n".encode(encoding)

    with pytest.raises(TableError) as raised:
        read(content)

    told = str(raised.value)
    assert "name its encoding" in told
    assert [one for one in readings if one not in told] == []
    assert name not in told  # only letters, in the order of their bytes


def test_no_letters_are_shown_where_an_encoding_was_named() -> None:
    with pytest.raises(TableError) as raised:
        read(TEXT.encode("cp1252"), "ascii")

    assert "letters" not in str(raised.value)
