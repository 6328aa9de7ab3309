"""Bodies of messages that show products of a catalog at Meta."""

from collections.abc import Mapping, Sequence

from gateway.core.messages.bodies import Body
from gateway.core.messages.interactive import interactive


def product(catalog: str, retailer_id: str, body: str = "", footer: str = "") -> Body:
    """Build a message with one product; `retailer_id` is its id in the catalog."""
    action = {"catalog_id": catalog, "product_retailer_id": retailer_id}
    return interactive("product", body, action, footer=footer)


def product_list(
    body: str,
    header: str,
    catalog: str,
    sections: Mapping[str, Sequence[str]],
    footer: str = "",
) -> Body:
    """Build a message with up to 30 products; `sections` are their ids by title."""
    parts = [
        {"title": title, "product_items": [{"product_retailer_id": item} for item in items]}
        for title, items in sections.items()
    ]
    action = {"catalog_id": catalog, "sections": parts}
    return interactive("product_list", body, action, header, footer)


def catalog_message(body: str, thumbnail: str = "", footer: str = "") -> Body:
    """Build a message that opens the whole catalog; `thumbnail` is the product in its picture."""
    parameters = {"parameters": {"thumbnail_product_retailer_id": thumbnail}} if thumbnail else {}
    return interactive(
        "catalog_message", body, {"name": "catalog_message"} | parameters, footer=footer
    )
