"""A customer has one key however Meta writes the number, and different customers have different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.webhook.phone_numbers import contact_key, normalize_phone, other_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("5511987654321", "551187654321", id="Brazil"),
        pytest.param("5599961234567", "559961234567", id="Brazil, from 6 on"),
        pytest.param("5215512345678", "525512345678", id="Mexico"),
        pytest.param("5491123456789", "541123456789", id="Argentina"),
    ],
)
def test_both_ways_to_write_a_number_are_one_key(one: str, other: str) -> None:
    assert contact_key(one) == contact_key(other) == other


@pytest.mark.parametrize(
    "phone",
    [
        pytest.param("5511951234567", id="Brazil, a number that was never without its 9"),
        pytest.param("551132345678", id="Brazil, a fixed line"),
        pytest.param("5501987654321", id="Brazil, no area"),
        pytest.param("55119876543210", id="Brazil, too long"),
        pytest.param("52155123456789", id="Mexico, too long"),
        pytest.param("521551234567", id="Mexico, too short"),
        pytest.param("549112345678", id="Argentina, too short"),
        pytest.param("351900000001", id="another country"),
        pytest.param("1555000111", id="digits"),
        pytest.param("54", id="a country alone"),
        pytest.param("", id="nothing"),
        pytest.param("5215512345678\n", id="a line end"),
        pytest.param("52１5512345678", id="another alphabet"),
        pytest.param("PT.5215512345678", id="a user id"),
    ],
)
def test_what_has_one_form_only_stays_as_it_is(phone: str) -> None:
    assert normalize_phone(phone) == phone


@given(st.from_regex(r"5[245][0-9]{8,13}", fullmatch=True))
def test_the_one_form_has_itself_as_form(phone: str) -> None:
    assert normalize_phone(normalize_phone(phone)) == normalize_phone(phone)


def test_a_user_id_is_the_key_where_there_is_no_phone_number() -> None:
    assert contact_key("", "PT.1") == "PT.1"
    assert contact_key("351900000001", "PT.1") == "351900000001"
    assert contact_key("", "") == ""


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("541123456789", "5491123456789"),
        ("525512345678", "5215512345678"),
        ("551187654321", "5511987654321"),
    ],
)
def test_a_number_with_two_forms_has_the_other_one_both_ways(short: str, long: str) -> None:
    assert (other_form(short), other_form(long)) == (long, short)


@pytest.mark.parametrize("phone", ["351900000001", "5511333344445", "551133334444", "PT.1", ""])
def test_a_number_with_one_form_has_no_other(phone: str) -> None:
    assert other_form(phone) == ""
