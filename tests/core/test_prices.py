"""Prices of messages: what Meta told, what the list says, and what is not known."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.config.environment import SettingsError
from gateway.config.prices import SHIPPED, PriceFileError, read_prices
from gateway.config.settings import Settings
from gateway.core.api.message_price import country_of, view_price
from gateway.core.messages.price_list import CATEGORIES, PriceList

LIST = """
as_of: 2026-10-01
currency: EUR
prices:
  - {countries: [PT, ES], marketing: 0.0500, service: 0.01}
  - {countries: others, marketing: 0.06}
"""
PRICES = PriceList(
    date(2026, 10, 1),
    "EUR",
    {
        ("PT", "marketing"): Decimal("0.0500"),
        ("PT", "service"): Decimal("0.01"),
        ("others", "marketing"): Decimal("0.06"),
    },
)
ANA, BEN = "351900000001", "4915112345678"
PAID = {"category": "marketing", "billable": True, "type": "regular", "pricing_model": "PMP"}


def amount(pricing: dict[str, Any], contact: str = ANA) -> tuple[Any, ...]:
    price = view_price(pricing, contact, PRICES)
    assert price
    return price["amount"], price["currency"], price["prices_of"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.yaml"


FROM_LIST = ("EUR", date(2026, 10, 1))


@pytest.mark.parametrize(
    ("pricing", "contact", "expected"),
    [
        (PAID, ANA, ("0.0500", *FROM_LIST)),
        (PAID, BEN, ("0.06", *FROM_LIST)),
        (PAID | {"category": "service"}, ANA, ("0.01", *FROM_LIST)),
        (PAID | {"category": "service"}, BEN, (None, None, None)),
        (PAID | {"category": "service", "billable": False}, ANA, ("0", None, None)),
        (PAID | {"category": "future"}, ANA, (None, None, None)),
        ({"category": "marketing"}, ANA, (None, None, None)),
        ({"billable": True}, ANA, (None, None, None)),
        (PAID, "", (None, None, None)),
        (PAID, "XX.123", (None, None, None)),
        (PAID, "PT.123", ("0.0500", *FROM_LIST)),
    ],
)
def test_amount_is_that_of_the_list_or_unknown(
    pricing: dict[str, Any], contact: str, expected: tuple[Any, ...]
) -> None:
    assert amount(pricing, contact) == expected


def test_nothing_is_said_before_meta_told_anything() -> None:
    assert view_price({}, ANA, PRICES) is None


def test_meta_s_words_are_shown_without_a_list() -> None:
    assert view_price(PAID, ANA, PriceList()) == {
        "category": "marketing",
        "country": "PT",
        "billable": True,
        "amount": None,
        "currency": None,
        "prices_of": None,
    }


@pytest.mark.parametrize(
    ("contact", "country"),
    [
        (ANA, "PT"),
        ("5511987654321", "BR"),
        ("16315551234", "US"),
        ("16045551234", "CA"),
        ("15550001111", ""),  # a number of Meta's tests is of none of the countries that share +1
        ("77012345678", "KZ"),
        ("IN.1234", "IN"),
        ("in.1234", ""),
        ("9990000000", ""),
        ("0", ""),
        ("9" * 60, ""),
        ("Y2FwaV9ncm91cDox", ""),
    ],
)
def test_country_is_that_of_the_number_or_the_user_id(contact: str, country: str) -> None:
    assert country_of(contact) == country


def test_a_file_is_read_as_it_is_written(file: Path) -> None:
    file.write_text(LIST)

    prices = read_prices(file)

    assert (prices.as_of, prices.currency) == (date(2026, 10, 1), "EUR")
    assert f"{prices.find('ES', 'marketing'):f}" == "0.0500"
    assert prices.find("DE", "marketing") == Decimal("0.06")


def test_the_file_that_is_shipped_invents_nothing() -> None:
    assert read_prices(None) == PriceList()
    assert all(category in SHIPPED.read_text() for category in CATEGORIES)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("a: [", "line 1 is no YAML"),
        ("prices: 1", "prices must be a list"),
        ("as_of: 2026-10-01", "prices is missing"),
        ("prices: [{countries: PT, utility: 1}]", "needs as_of and currency beside prices"),
        (LIST.replace("2026-10-01", "October"), "as_of must be a day, such as 2026-10-01"),
        (LIST.replace("EUR", "euros"), "currency must be three letters, such as EUR"),
        (LIST.replace("ES", "Spain"), "prices[0].countries must be countries by ISO 3166-1"),
        (LIST.replace("ES", "[ES]"), "prices[0].countries must be countries by ISO 3166-1"),
        (LIST.replace("ES", "PT"), "names PT twice"),
        (LIST.replace("0.06", "6e-2"), "prices[1].marketing must be an amount such as 0.0436"),
        (LIST.replace("0.06", "-1"), "prices[1].marketing must be an amount such as 0.0436"),
        (LIST.replace("service", "services"), "prices[0].services is unknown; a category is one"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(file: Path, text: str, problem: str) -> None:
    file.write_text(text)

    with pytest.raises(PriceFileError) as caught:
        read_prices(file)

    assert problem in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * 1_000_001])
def test_a_file_that_cannot_be_read_is_a_mistake_of_the_setting(
    file: Path, content: bytes | None
) -> None:
    if content is not None:
        file.write_bytes(content)
    env = {
        "REDIS_URL": "redis://localhost",
        "META_APP_SECRET": "a" * 32,
        "META_VERIFY_TOKEN": "word",
        "META_ACCESS_TOKEN": "token",
        "META_PHONE_NUMBER_ID": "1",
        "GATEWAY_PRICES": str(file),
    }

    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)

    assert "GATEWAY_PRICES" in str(caught.value)
    assert str(file) in str(caught.value)
