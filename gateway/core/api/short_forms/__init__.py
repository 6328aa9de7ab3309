"""Short forms of messages in the API, with the words of the rules: `send_` and the name here."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.short_forms import content, interactive
from gateway.core.api.short_forms.fields import nested
from gateway.core.messages import Body


class ShortForm(NamedTuple):
    """Names of the fields of a short form, and its reader."""

    fields: frozenset[str]
    read: Callable[[FieldReader], Body]


def _form(read: Callable[[FieldReader], Body], *fields: str) -> ShortForm:
    return ShortForm(frozenset(fields), read)


_FRAME = ("text", "header", "footer")
OBJECTS: Mapping[str, ShortForm] = {
    "buttons": _form(interactive.read_buttons, *_FRAME, "buttons"),
    "list": _form(interactive.read_list, *_FRAME, "button", "rows", "sections"),
    "cta_url": _form(interactive.read_cta_url, *_FRAME, "button", "url"),
    "location_request": _form(interactive.read_location_request, "text"),
    "flow": _form(
        interactive.read_flow, *_FRAME, "button", "flow", "screen", "data", "token", "draft"
    ),
    "location": _form(content.read_location, "latitude", "longitude", "name", "address"),
    "product": _form(content.read_product, "caption", "footer", "catalog", "product"),
    "products": _form(content.read_products, *_FRAME, "catalog", "sections"),
    "catalog": _form(content.read_catalog, "text", "footer", "thumbnail"),
}
NAMES = frozenset({*OBJECTS, "contacts"})


def read_short_form(reader: FieldReader, name: str) -> Body | None:
    """Return the message of a short form; None, and a note for everything that is wrong."""
    before = len(reader.errors)
    # Only contacts are a list.
    if name == "contacts":
        body = content.read_contacts(reader, name)
    elif inner := nested(reader, name, OBJECTS[name].fields):
        body = OBJECTS[name].read(inner)
    return body if len(reader.errors) == before else None
