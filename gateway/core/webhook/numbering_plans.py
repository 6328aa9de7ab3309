"""Numbering plans: which international phone numbers are possible as they are written.

phonenumbers takes most of the time of reading a request, for it looks for national prefixes and
extensions. Digits that cannot have one are judged here by their length alone, as it judges them.
"""

import re
from functools import cache
from typing import Any, NamedTuple

import phonenumbers

_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_MOST_DIGITS_OF_CODE = 3


class NumberingPlan(NamedTuple):
    """Lengths of the numbers behind a country code, and what may begin a national one."""

    lengths: frozenset[int]
    prefix: re.Pattern[str] | None


def is_surely_possible(digits: str) -> bool:
    """Say whether a phone number, country code first, is possible exactly as it is written.

    False says nothing: phonenumbers may still read it, or read it as another number.
    """
    if not _DIGITS.fullmatch(digits):
        return False
    for size in range(1, _MOST_DIGITS_OF_CODE + 1):
        if plan := _plan_of(digits[:size]):
            national = digits[size:]
            return len(national) in plan.lengths and not (
                plan.prefix and plan.prefix.match(national)
            )
    return False


@cache
def _plan_of(code: str) -> NumberingPlan | None:
    """Return the plan behind a country code, None where no code is so."""
    if int(code) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        return None
    region = phonenumbers.region_code_for_country_code(int(code))
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(
        int(code), region
    )
    prefix = metadata.national_prefix_for_parsing
    return NumberingPlan(
        frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None
    )
