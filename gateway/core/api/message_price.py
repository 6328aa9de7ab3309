"""Price of a message: Meta's word about it, and what the price list says."""

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers

from gateway.core.api.countries import COUNTRIES
from gateway.core.messages.price_list import PriceList

_PHONE = re.compile(r"[0-9]{5,20}")
_USER_ID = re.compile(r"([A-Z]{2})\.")


def view_price(
    pricing: Mapping[str, Any], contact: str, prices: PriceList
) -> dict[str, Any] | None:
    """Return what is known of a message's price, None before Meta told anything.

    An amount that is not known is None, also where Meta does not say whether it bills the message;
    it is "0" only where Meta says that it does not.
    """
    if not pricing:
        return None
    category, billable = pricing.get("category") or None, pricing.get("billable")
    country = country_of(contact)
    found = prices.find(country, category) if category and billable is True else None
    amount = "0" if billable is False else None
    return {
        "category": category,
        "country": country or None,
        "billable": billable,
        "amount": amount if found is None else f"{found:f}",
        "currency": prices.currency if found is not None else None,
        "prices_of": prices.as_of if found is not None else None,
    }


def country_of(contact: str) -> str:
    """Return the country of a contact's phone number or user id, "" where it is not certain.

    Several countries share a calling code; a number of none of them is of an unknown country.
    """
    if user := _USER_ID.match(contact):
        return user[1] if user[1] in COUNTRIES else ""
    if not _PHONE.fullmatch(contact):
        return ""
    try:
        number = phonenumbers.parse(f"+{contact}")
    except phonenumbers.NumberParseException:
        return ""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(number.country_code or 0, ())
    region = regions[0] if len(regions) == 1 else phonenumbers.region_code_for_number(number)
    return region if region in COUNTRIES else ""
