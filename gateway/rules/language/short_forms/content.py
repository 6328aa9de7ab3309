"""Actions that send a place, contacts, or products of a catalog at Meta."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.core import messages
from gateway.core.messages import Body, ContactCard, length_limits
from gateway.rules.language.refusals import refuse
from gateway.rules.language.send_actions import Footer, FreeForm, Header
from gateway.rules.language.short_forms.interactive import ShortText
from gateway.rules.language.types import NUMBER, Limited, Model, TextCheck, wrap_in_list


@dataclass(frozen=True, slots=True)
class Degrees(TextCheck):
    """Check that a text is a number of degrees, placeholders aside."""

    most: int

    def check(self, text: str) -> str:
        """Return the text as it is written."""
        is_number = re.fullmatch(NUMBER, text) and abs(float(text)) <= self.most
        if not is_number and "{{" not in text:
            refuse(f"must be a number of degrees from -{self.most} to {self.most}")
        return text

    def schema(self) -> dict[str, Any]:
        """Let an editor check the range of a number."""
        return {"minimum": -self.most, "maximum": self.most}


PlaceText = Annotated[str, Limited(length_limits.PLACE)]
PlaceTexts = Annotated[tuple[PlaceText, ...], BeforeValidator(wrap_in_list)]
CatalogId = Annotated[str, Limited(length_limits.RETAILER_ID)]


class Place(Model):
    """A place on the map."""

    latitude: Annotated[str, Degrees(90)] = Field(description="Degrees north, or south below 0.")
    longitude: Annotated[str, Degrees(180)] = Field(description="Degrees east, or west below 0.")
    name: PlaceText = Field(default="", description="What the place is called.")
    address: PlaceText = Field(default="", description="Its address, below the name.")


class Card(Model):
    """A contact that the customer may save."""

    name: PlaceText = Field(description="The whole name.")
    phones: PlaceTexts = Field(default=(), description="Phone numbers, one or several.")
    emails: PlaceTexts = Field(default=(), description="Email addresses, one or several.")
    urls: PlaceTexts = Field(default=(), description="Web pages, one or several.")
    company: PlaceText = Field(default="", description="The company.")


class SendLocation(FreeForm):
    """Send a place on the map."""

    verb: ClassVar[str] = "send_location"
    send_location: Place = Field(description="The place.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        place = self.send_location
        return messages.location(place.latitude, place.longitude, place.name, place.address)


def _cards(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    if len(cards) > length_limits.CONTACTS:
        refuse(f"has {len(cards)} contacts; Meta takes {length_limits.CONTACTS}")
    return cards


class SendContacts(FreeForm):
    """Send contacts that the customer may save or write to."""

    verb: ClassVar[str] = "send_contacts"
    send_contacts: Annotated[
        tuple[Card, ...], BeforeValidator(wrap_in_list), AfterValidator(_cards)
    ] = Field(description="One contact, or a list.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        cards = [
            ContactCard(card.name, card.phones, card.emails, card.urls, card.company)
            for card in self.send_contacts
        ]
        return messages.contacts(cards)


class SendProduct(FreeForm):
    """Send one product of a catalog."""

    verb: ClassVar[str] = "send_product"
    send_product: CatalogId = Field(description="The product's id in the catalog.")
    catalog: CatalogId = Field(description="Meta's id of the catalog.")
    caption: Annotated[str, Limited(length_limits.BUTTONS_TEXT)] = Field(
        default="", description="A text below it."
    )
    footer: Footer = Field(default="", description="A line below the text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.product(self.catalog, self.send_product, self.caption, self.footer)


def _products(sections: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    if not 1 <= len(sections) <= length_limits.SECTIONS:
        refuse(f"has {len(sections)} sections; Meta takes 1 to {length_limits.SECTIONS}")
    if (count := sum(map(len, sections.values()))) > length_limits.PRODUCTS:
        refuse(f"has {count} products; Meta takes {length_limits.PRODUCTS}")
    return sections


class SendProducts(FreeForm):
    """Send up to thirty products of a catalog."""

    verb: ClassVar[str] = "send_products"
    send_products: ShortText = Field(description="The text.")
    header: Header = Field(description="A line above the text.")
    catalog: CatalogId = Field(description="Meta's id of the catalog.")
    sections: Annotated[
        dict[
            Annotated[str, Limited(length_limits.SECTION_TITLE)],
            Annotated[tuple[CatalogId, ...], BeforeValidator(wrap_in_list)],
        ],
        AfterValidator(_products),
    ] = Field(description="Titles, and under each the products' ids in the catalog.")
    footer: Footer = Field(default="", description="A line below the text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.product_list(
            self.send_products, self.header, self.catalog, self.sections, self.footer
        )


class SendCatalog(FreeForm):
    """Send a text with a button that opens the whole catalog."""

    verb: ClassVar[str] = "send_catalog"
    send_catalog: ShortText = Field(description="The text.")
    thumbnail: CatalogId = Field(default="", description="The product whose picture is shown.")
    footer: Footer = Field(default="", description="A line below the text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.catalog_message(self.send_catalog, self.thumbnail, self.footer)
