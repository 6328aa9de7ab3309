"""Price list of the operator, read from a YAML file."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gateway.core.api.countries import COUNTRIES
from gateway.core.messages.price_list import CATEGORIES, OTHERS, PriceList

SHIPPED = Path(__file__).with_name("prices.yaml")
MOST_BYTES = 1_000_000
MOST_PROBLEMS = 10
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def _parse_amount(value: Any) -> Decimal:
    # As text, since a binary fraction is another number than the one in the file.
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise ValueError("must be an amount such as 0.0436")
    return Decimal(value)


def _parse_countries(value: Any) -> tuple[str, ...]:
    countries = value if isinstance(value, list) else [value]
    known = {OTHERS, *COUNTRIES}
    if not countries or any(not isinstance(one, str) or one not in known for one in countries):
        raise ValueError(f"must be countries by ISO 3166-1, such as PT, or {OTHERS}")
    return tuple(countries)


Amount = Annotated[Decimal, BeforeValidator(_parse_amount)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _CountryPrices(_File):
    countries: Annotated[tuple[str, ...], BeforeValidator(_parse_countries)]
    marketing: Amount | None = None
    marketing_lite: Amount | None = None
    utility: Amount | None = None
    authentication: Amount | None = None
    authentication_international: Amount | None = None
    service: Amount | None = None
    referral_conversion: Amount | None = None


class _PriceFile(_File):
    as_of: date | None = None
    currency: str = Field("", pattern=r"^[A-Z]{3}$")
    prices: list[_CountryPrices]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.prices and (self.as_of is None or not self.currency):
            raise ValueError("needs as_of and currency beside prices")
        named = [country for one in self.prices for country in one.countries]
        if twice := sorted({one for one in named if named.count(one) > 1}):
            raise ValueError(f"names {', '.join(twice)} twice")
        return self


class PriceFileError(ValueError):
    """A price file cannot be used; the message says where and why."""


def read_prices(path: Path | None) -> PriceList:
    """Return the price list of a file, or the one that is shipped. Raises PriceFileError."""
    try:
        file = _PriceFile.model_validate(_load(path or SHIPPED))
    except ValidationError as error:
        problems = "; ".join(map(_describe, error.errors()[:MOST_PROBLEMS]))
        raise PriceFileError(f"{path}: {problems}") from None
    amounts = {
        (country, category): amount
        for one in file.prices
        for category in CATEGORIES
        if (amount := getattr(one, category)) is not None
        for country in one.countries
    }
    return PriceList(file.as_of, file.currency, amounts)


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise PriceFileError(f"{path} cannot be read ({error.strerror})") from None
    if len(raw) > MOST_BYTES:
        raise PriceFileError(f"{path} has more than {MOST_BYTES:,} bytes")
    # The base resolver of this loader knows texts only, so an amount stays as it is written.
    yaml = YAML(typ="base", pure=True)
    try:
        return yaml.load(raw.decode())
    except (YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise PriceFileError(f"{path}{place} is no YAML in UTF-8") from None


def _describe(error: ErrorDetails) -> str:
    place = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"]
    ).removeprefix(".")
    return f"{place} {_SENTENCES.get(error['type']) or _sentence(error)}".strip()


_SENTENCES = {
    "extra_forbidden": f"is unknown; a category is one of {', '.join(CATEGORIES)}",
    "model_type": "must be a mapping",
    "list_type": "must be a list",
    "missing": "is missing",
    "string_pattern_mismatch": "must be three letters, such as EUR",
    "string_type": "must be three letters, such as EUR",
}


def _sentence(error: ErrorDetails) -> str:
    if error["type"].startswith("date"):
        return "must be a day, such as 2026-10-01"
    return error["msg"].removeprefix("Value error, ")


def check_prices(path: Path | None) -> Path | None:
    """Return the path of a price file that can be used. Raises PriceFileError for any other."""
    if path is not None:
        read_prices(path)
    return path
