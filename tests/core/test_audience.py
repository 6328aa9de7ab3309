"""Rows of an audience: numbers in the forms that people and spreadsheets write."""

from typing import Any

import pytest

from gateway.core.api.field_errors import FieldReader
from gateway.core.campaigns.audience import AudienceReader, AudienceRow, RowProblem, read_column_map
from gateway.core.tables.phone_cells import TableError

COLUMNS = frozenset({"first"})


def read(*phones: str, country: str = "") -> tuple[list[str], AudienceReader]:
    reader = AudienceReader(COLUMNS, country)
    rows = [(i, {"phone": phone, "first": "Ana"}) for i, phone in enumerate(phones, 2)]
    return [row.phone for row in reader.read(rows)], reader


@pytest.mark.parametrize(
    "text",
    ["+351912345678", "351912345678", "00351912345678", "+351 912-345-678", "351912345678.0",
     " '+351912345678", "351912345678,00", "+351912345678.0",
     "\u202a+351\u00a0912\u00a0345\u00a0678\u202c", "\u2068'351912345678\u200b.0\u2069\ufeff"],
)  # fmt: skip
def test_a_number_is_read_in_any_international_form(text: str) -> None:
    assert read(text)[0] == ["351912345678"]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("3.51912E+11", "destroyed by a spreadsheet"),
        ("3,51912e+11", "destroyed by a spreadsheet"),
        ("\u202a3.51912E+11\u202c", "destroyed by a spreadsheet"),
        ("351912345678e0", "destroyed by a spreadsheet"),
        ("4915112345678.5", "no possible phone number"),  # without its point it would be possible
        ("912345678", "no possible phone number"),
        ("+35191234567890123", "no possible phone number"),
        ("phone me", "no possible phone number"),
        ("+351912345678;+351912345679", "no possible phone number"),
    ],
)
def test_what_is_no_number_is_a_problem_and_never_guessed(text: str, detail: str) -> None:
    found, reader = read(text)

    assert found == []
    (problem,) = reader.problems
    assert (problem.line, problem.cause) == (2, "invalid")
    assert detail in problem.detail
    assert text not in problem.detail


def test_a_national_number_is_read_where_the_country_is_known() -> None:
    assert read("912 345 678", country="PT")[0] == ["351912345678"]


def test_duplicates_are_found_by_contact_and_not_by_text() -> None:
    found, reader = read("+5511987654321", "551187654321", "+55 11 98765-4321", "+351912345678")

    assert len(found) == 2
    assert reader.skipped == {"duplicate": 2}


def test_both_forms_of_a_mexican_number_are_read_as_given_and_name_one_contact() -> None:
    found, reader = read("+52 1 55 1234 5678", "525512345678", "526641234567", "5216641234567")

    assert found == ["5215512345678", "526641234567"]
    assert reader.skipped == {"duplicate": 2}


def test_of_many_duplicates_one_entry_is_kept_and_ten_thousand_problems() -> None:
    reader = AudienceReader(COLUMNS)
    rows = ((i, {"phone": "+351912345678", "first": "Ana"}) for i in range(20_000))

    assert len(list(reader.read(rows))) == 1
    assert len(reader.problems) == 10_000
    assert reader.skipped == {"duplicate": 19_999}


@pytest.mark.parametrize(
    "name",
    ["telefone", "teléfono", "Telemóvel", "Móvil", "Telephone", "Mobile Number", "Cell Phone",
     "WhatsApp Number", "Contact Number", "mobile-no.", "phone_number", "Numéro de téléphone",
     "Nº de telefone", "Número de celular", "Handynummer", "WhatsApp-Nr.", "Portable", "Cellulare",
     "Nomor HP", "No. WA", "Telefon numarası", "Telefoonnummer", "TO", " wa id "],
)  # fmt: skip
def test_the_column_of_the_numbers_has_the_name_that_people_give_it(name: str) -> None:
    rows = [(2, {"first": "Ana", name: "+351912345678", "CEP": "1200-001"})]

    assert [row.phone for row in AudienceReader(COLUMNS).read(rows)] == ["351912345678"]


def test_the_values_are_those_that_the_message_needs() -> None:
    reader = AudienceReader(COLUMNS)
    row = {"Phone Number": "+351912345678", "first": "Ana", "secret": "x"}

    assert list(reader.read([(2, row)])) == [AudienceRow(2, "351912345678", {"first": "Ana"})]


def test_a_map_says_which_columns_count_whatever_they_are_called() -> None:
    column_map = {"phone": "Handy 2", "first": "First Name", "zone": "a-b"}
    reader = AudienceReader(COLUMNS, reads_zones=True, column_map=column_map)
    row = {"Handy": "1", "Handy 2": "+351912345678", "First Name": "Ana", "first": "x", "zone": "?"}
    rows = [(2, row | {"a-b": "Asia/Tokyo"}), (3, row | {"First Name": " "})]

    assert list(reader.read(rows)) == [
        AudienceRow(2, "351912345678", {"first": "Ana"}, "Asia/Tokyo")
    ]
    assert reader.problems == [RowProblem(3, "missing", "has no value for first")]


def test_a_column_that_a_map_names_must_be_there() -> None:
    reader = AudienceReader(COLUMNS, column_map={"first": "First name"})

    with pytest.raises(TableError, match=r"the column First name, .* it has First Name, phone\."):
        list(reader.read([(2, {"phone": "+351912345678", "First Name": "Ana"})]))


def test_a_file_whose_first_line_names_no_columns_is_refused_without_its_words() -> None:
    reader = AudienceReader(COLUMNS, column_map={"phone": "Nummer"})

    with pytest.raises(TableError, match="first line holds numbers") as raised:
        list(reader.read([(2, {"+351912345678": "+351912345679", "Ana": "Rui"})]))
    assert "Ana" not in str(raised.value)
    assert "351912345678" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"phone": "A", "zone": "B", "first": "C"}, []),
        ({"last": "A"}, ["#/last"]),
        ({"first": 1}, ["#/first"]),
        ({"first": ""}, ["#/first"]),
        ({"first": " "}, ["#"]),
        ({"phone": None}, ["#"]),
    ],
)
def test_a_map_is_of_what_the_message_needs(given: dict[str, Any], place: list[str]) -> None:
    reader = FieldReader(given)

    found = read_column_map(reader, COLUMNS)

    assert [one.pointer for one in reader.errors] == place
    assert place or found == given


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"name": "A", "first": "A"}, "the columns are name, first. Call that column phone."),
        ({"351912345678": "A", "Ana Silva": "A"}, "^The first line must name the columns[^0-9]*$"),
        ({"phone": "1", "mobile": "2", "first": "A"}, "phone, mobile: rename all but one"),
        ({"phone": "+351912345678", "First": "A"}, "the column first, .* it has First, phone."),
    ],
)
def test_columns_that_are_missing_or_twice_are_an_error(row: dict[str, str], detail: str) -> None:
    with pytest.raises(TableError, match=detail):
        list(AudienceReader(COLUMNS).read([(2, row)]))


@pytest.mark.parametrize("text", ["912 345 678", "(91) 234-56-78", "0912345678"])
def test_a_national_number_lacks_a_country(text: str) -> None:
    lacks = "without its country's code, and the account has no country"

    assert lacks in read(text)[1].problems[0].detail
    assert read("12", "+12", "x 912 345 678")[1].problems == [
        RowProblem(line, "invalid", "is no possible phone number") for line in (2, 3, 4)
    ]
    assert lacks not in str(read("912 345", country="PT")[1].problems)
