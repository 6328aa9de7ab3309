"""Whatever is surely possible, phonenumbers reads as it is written; the usual numbers are sure."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.webhook.numbering_plans import is_surely_possible

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
DIGITS = st.text("0123456789", min_size=1, max_size=14)


@given(st.sampled_from(CODES), st.sampled_from(["", "0", "00", "1", "8", "06", "15"]), DIGITS)
@settings(max_examples=2_000)
def test_what_is_surely_possible_is_read_as_it_is_written(code: int, begin: str, end: str) -> None:
    digits = f"{code}{begin}{end}"
    if not is_surely_possible(digits):
        return

    number = phonenumbers.parse(f"+{digits}")

    reason = phonenumbers.is_possible_number_with_reason(number)
    assert reason == phonenumbers.ValidationResult.IS_POSSIBLE
    assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == f"+{digits}"


def mobile_number(code: int) -> str:
    """Return a mobile number of a country code, "" where there are none."""
    region = phonenumbers.region_code_for_country_code(code)
    mobile = phonenumbers.PhoneNumberType.MOBILE
    example = phonenumbers.example_number_for_type(region, mobile)
    return f"{code}{phonenumbers.national_significant_number(example)}" if example else ""


def test_mobile_numbers_of_all_countries_are_sure_but_one() -> None:
    numbers = list(filter(None, map(mobile_number, CODES)))

    assert len(numbers) > 200
    # In Argentina the digit 9 may be one that is dialed within the country only.
    assert [one[:2] for one in numbers if not is_surely_possible(one)] == ["54"]


@pytest.mark.parametrize(
    "digits",
    ["", "0351912345678", "35191234567", "3519123456789", "999123456789", "4407911123456", "٣٥١٩"],
)
def test_what_may_be_read_otherwise_or_not_at_all_is_not_sure(digits: str) -> None:
    assert not is_surely_possible(digits)
