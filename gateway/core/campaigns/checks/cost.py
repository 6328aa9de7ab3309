"""Cost of a campaign by the price list, as far as that has the prices.

Meta bills marketing messages always, and utility ones outside the window only:
https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from gateway.core.api.message_price import country_of
from gateway.core.messages.price_list import PriceList

SERVICE, UTILITY, MARKETING = "service", "utility", "marketing"
# The last digits of a phone number say nothing of its country.
_TAIL = 4
_COUNTRY = 2  # letters, with which a user id begins


@dataclass(frozen=True, slots=True)
class CampaignCost:
    """What the messages of a campaign cost, where all are billed that may be."""

    category: str  # "" where the template's is not known
    currency: str = ""
    prices_of: date | None = None
    amount: Decimal = Decimal(0)  # of those whose price is known
    unpriced: int = 0  # recipients whose price is not known
    countries: Mapping[str, int] = field(default_factory=dict)  # recipients; "" is not known
    prices: Mapping[str, Decimal | None] = field(default_factory=dict)  # of a message, by country


def estimate_cost(countries: Mapping[str, int], category: str, prices: PriceList) -> CampaignCost:
    """Return what messages to so many recipients of each country cost."""
    each = {country: prices.find(country, category) for country in countries}
    amount, unpriced = Decimal(0), 0
    for country, price in each.items():
        amount += (price or 0) * countries[country]
        unpriced += countries[country] if price is None else 0
    counted = dict(sorted(countries.items(), key=lambda one: (-one[1], one[0])))
    return CampaignCost(category, prices.currency, prices.as_of, amount, unpriced, counted, each)


def is_free(category: str, *, is_window_open: bool) -> bool:
    """Say whether Meta bills no message of a category now."""
    return category in (SERVICE, UTILITY) and is_window_open


class CountryCounter:
    """Counts recipients by country; those whose numbers begin alike are looked up once."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.counts: Counter[str] = Counter()
        self._known: dict[str, str] = {}

    def add(self, phone: str) -> None:
        """Count one recipient."""
        start = phone[:-_TAIL] if phone.isdigit() else phone[:_COUNTRY]
        if start not in self._known:
            self._known[start] = country_of(phone)
        self.counts[self._known[start]] += 1
