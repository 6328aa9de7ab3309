"""Price list: what Meta asks for one message, by country and category, as the operator wrote it.

Prices are Meta's list prices, before any volume tier:
https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

# Meta's categories of messages. Those of service messages are priced too.
CATEGORIES = (
    "marketing",
    "marketing_lite",
    "utility",
    "authentication",
    "authentication_international",
    "service",
    "referral_conversion",
)
OTHERS = "others"  # in the place of a country: all that are not named


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices of one day in one currency; the empty one knows none."""

    as_of: date | None = None
    currency: str = ""
    amounts: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def find(self, country: str, category: str) -> Decimal | None:
        """Return the price of a message, None where the list has none.

        A message to an unknown country has no price: it may be of any.
        """
        if not country:
            return None
        own = self.amounts.get((country, category))
        return self.amounts.get((OTHERS, category)) if own is None else own
