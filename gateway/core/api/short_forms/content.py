"""Short forms of places, contacts and products."""

from gateway.core import messages
from gateway.core.api.field_errors import FieldReader
from gateway.core.api.short_forms.fields import (
    nested,
    read_degrees,
    read_each,
    read_mapping,
    read_optional_text,
    read_text,
    read_texts,
)
from gateway.core.messages import Body, ContactCard, length_limits

_CARD = frozenset({"name", "phones", "emails", "urls", "company"})
_MOST_IN_CARD = 20  # phones, emails or addresses of one contact
_TEXT = length_limits.BUTTONS_TEXT


def read_location(reader: FieldReader) -> Body:
    """Read a place on the map."""
    return messages.location(
        read_degrees(reader, "latitude", 90),
        read_degrees(reader, "longitude", 180),
        read_optional_text(reader, "name", length_limits.PLACE),
        read_optional_text(reader, "address", length_limits.PLACE),
    )


def read_contacts(reader: FieldReader, name: str) -> Body:
    """Read a list of contacts."""
    return messages.contacts(read_each(reader, name, length_limits.CONTACTS, _read_card))


def _read_card(reader: FieldReader, place: str) -> ContactCard:
    inner = nested(reader, place, _CARD)
    if inner is None:
        return ContactCard("")
    return ContactCard(
        read_text(inner, "name", length_limits.PLACE),
        read_texts(inner, "phones", _MOST_IN_CARD),
        read_texts(inner, "emails", _MOST_IN_CARD),
        read_texts(inner, "urls", _MOST_IN_CARD),
        read_optional_text(inner, "company", length_limits.PLACE),
    )


def read_product(reader: FieldReader) -> Body:
    """Read one product of a catalog."""
    return messages.product(
        read_text(reader, "catalog", length_limits.RETAILER_ID),
        read_text(reader, "product", length_limits.RETAILER_ID),
        read_optional_text(reader, "caption", _TEXT),
        read_optional_text(reader, "footer", length_limits.FOOTER),
    )


def read_products(reader: FieldReader) -> Body:
    """Read products of a catalog in sections."""
    given = read_mapping(reader, "sections", length_limits.SECTIONS, length_limits.SECTION_TITLE)
    inner = FieldReader(given, f"{reader.pointer}/sections", reader.errors)
    sections = {title: _read_items(inner, title) for title in given}
    if (count := sum(map(len, sections.values()))) > length_limits.PRODUCTS:
        reader.add("sections", f"has {count} products; Meta takes {length_limits.PRODUCTS}")
    return messages.product_list(
        read_text(reader, "text", _TEXT),
        read_text(reader, "header", length_limits.HEADER),
        read_text(reader, "catalog", length_limits.RETAILER_ID),
        sections,
        read_optional_text(reader, "footer", length_limits.FOOTER),
    )


def _read_items(reader: FieldReader, title: str) -> list[str]:
    return read_each(reader, title, length_limits.PRODUCTS, _read_item)


def _read_item(reader: FieldReader, place: str) -> str:
    return read_text(reader, place, length_limits.RETAILER_ID)


def read_catalog(reader: FieldReader) -> Body:
    """Read a text with a button that opens the whole catalog."""
    return messages.catalog_message(
        read_text(reader, "text", _TEXT),
        read_optional_text(reader, "thumbnail", length_limits.RETAILER_ID),
        read_optional_text(reader, "footer", length_limits.FOOTER),
    )
