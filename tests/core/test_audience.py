"""Rows of an audience: numbers in the forms that people and spreadsheets write."""

import pytest

from gateway.core.campaigns.audience import AudienceReader, AudienceRow, RowProblem
from gateway.core.tables.phone_cells import TableError

COLUMNS = frozenset({"first"})


def read(*phones: str, country: str = "") -> tuple[list[str], AudienceReader]:
    reader = AudienceReader(COLUMNS, country)
    rows = [(i, {"phone": phone, "first": "Ana"}) for i, phone in enumerate(phones, 2)]
    return [row.phone for row in reader.read(rows)], reader


@pytest.mark.parametrize(
    "text",
    ["+351912345678", "351912345678", "00351912345678", "+351 912-345-678", "351912345678.0",
     " '+351912345678", "351912345678,00"],
)  # fmt: skip
def test_a_number_is_read_in_any_international_form(text: str) -> None:
    assert read(text)[0] == ["351912345678"]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("3.51912E+11", "destroyed by a spreadsheet"),
        ("3,51912e+11", "destroyed by a spreadsheet"),
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


def test_a_million_duplicates_cost_one_entry_each_and_ten_thousand_problems() -> None:
    reader = AudienceReader(COLUMNS)
    rows = ((i, {"phone": "+351912345678", "first": "Ana"}) for i in range(20_000))

    assert len(list(reader.read(rows))) == 1
    assert len(reader.problems) == 10_000
    assert reader.skipped == {"duplicate": 19_999}


def test_the_values_are_those_that_the_message_needs() -> None:
    reader = AudienceReader(COLUMNS)
    row = {"Phone Number": "+351912345678", "first": "Ana", "secret": "x"}

    assert list(reader.read([(2, row)])) == [AudienceRow(2, "351912345678", {"first": "Ana"})]


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"name": "Ana", "first": "A"}, "none of the columns"),
        ({"phone": "1", "mobile": "2", "first": "A"}, "phone, mobile"),
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
