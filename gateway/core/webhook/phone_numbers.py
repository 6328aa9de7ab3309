"""Keys of customers, from the names that Meta uses.

A customer has a phone number, a user id, or both, and either may change. A send goes to the name
that Meta used last; a key only distinguishes conversations.
"""

import re
from collections.abc import Mapping

# Meta writes the mobile numbers of these countries in two ways, one of them with a digit that was
# added later (Brazil's 9, Mexico's 1) or that is only dialled from abroad (Argentina's 9).
# In Brazil only a number that begins with 6 to 9 was a mobile one before it got its 9.
_VARIANTS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "55": (re.compile(r"55([1-9]{2})9([6-9][0-9]{7})"), r"55\1\2"),
    "52": (re.compile(r"521([0-9]{10})"), r"52\1"),
    "54": (re.compile(r"549([0-9]{10})"), r"54\1"),
}


# The same the other way: from the form without the digit to the one with it.
_LONGER: Mapping[str, tuple[re.Pattern[str], str]] = {
    "55": (re.compile(r"55([1-9]{2})([6-9][0-9]{7})"), r"55\g<1>9\2"),
    "52": (re.compile(r"52([0-9]{10})"), r"521\1"),
    "54": (re.compile(r"54([0-9]{10})"), r"549\1"),
}


def normalize_phone(phone: str) -> str:
    """Return the one form of a phone number; text that is no phone number is returned unchanged."""
    variant = _VARIANTS.get(phone[:2])
    if variant and (match := variant[0].fullmatch(phone)):
        return match.expand(variant[1])
    return phone


def other_form(phone: str) -> str:
    """Return the other form of a phone number that has two, "" if it has one only."""
    if (shorter := normalize_phone(phone)) != phone:
        return shorter
    longer = _LONGER.get(phone[:2])
    match = longer[0].fullmatch(phone) if longer else None
    return match.expand(longer[1]) if longer and match else ""


def contact_key(wa_id: str, user_id: str = "") -> str:
    """Return the key of a customer: the phone number in one form, else the user id, else ""."""
    return normalize_phone(wa_id) if wa_id else user_id
