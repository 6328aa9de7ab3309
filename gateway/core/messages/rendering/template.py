"""Content of templates: their approved texts with the values of a message filled in."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.messages.rendering.content import (
    Button,
    Content,
    Entry,
    Group,
    Medium,
    Row,
    items_in,
    mapping_in,
    secure_address,
    text_in,
)
from gateway.core.messages.rendering.formatting import clean, format_text, plain_lines
from gateway.core.messages.rendering.plain import medium_of

Component = Mapping[str, Any]
Values = Mapping[str, str]
_PLACEHOLDER = re.compile(r"\{\{\s*(\w{1,64})\s*\}\}")
_MEDIA = ("image", "video", "document")
_BUTTONS: Mapping[str, tuple[str, str]] = {
    "quick_reply": ("reply", ""), "url": ("link", ""), "phone_number": ("call", ""),
    "copy_code": ("copy", "Copy offer code"), "otp": ("copy", "Copy code"), "flow": ("flow", ""),
    "catalog": ("catalog_message", "View catalog"), "mpm": ("product_list", "View items"),
    "spm": ("product", "View"), "voice_call": ("call", "Call on WhatsApp"),
}  # fmt: skip


def template(message: Mapping[str, Any], definition: Mapping[str, Any] | None) -> Content:
    """Show a template; without its definition, its name and the values that were sent."""
    inner = mapping_in(message, "template")
    sent = items_in(inner, "components")
    if definition is None:
        return _without_definition(inner, sent)
    return _components(items_in(definition, "components"), sent)


def _without_definition(inner: Mapping[str, Any], sent: Sequence[Component]) -> Content:
    name, language = text_in(inner, "name"), text_in(inner, "language", "code")
    rows = tuple(
        Row(f"{_kind(one)} {place}", value) for one in sent for place, value in _values(one).items()
    )
    return Content(note=f"Template {name} ({language})", groups=(Group("", rows),) if rows else ())


def _components(defined: Sequence[Component], sent: Sequence[Component]) -> Content:
    by_kind = {_kind(one): one for one in defined}
    given = {_kind(one): one for one in sent if _kind(one) != "button"}
    header, body = by_kind.get("header", {}), by_kind.get("body", {})
    cards, shown = (
        items_in(by_kind.get("carousel"), "cards"),
        items_in(given.get("carousel"), "cards"),
    )
    offer = mapping_in(by_kind.get("limited_time_offer"), "limited_time_offer")
    return Content(
        medium=_header_medium(header, given.get("header", {})),
        header=plain_lines(_fill(header.get("text"), given.get("header"))),
        entries=(*_place(header, given.get("header", {})), *_offer(offer)),
        text=format_text(_fill(body.get("text"), given.get("body"))),
        footer=plain_lines(text_in(by_kind.get("footer"), "text")),
        buttons=_buttons(items_in(by_kind.get("buttons"), "buttons"), sent),
        cards=tuple(
            _components(items_in(card, "components"), items_in(_at(shown, place), "components"))
            for place, card in enumerate(cards)
        ),
    )


def _kind(component: Component) -> str:
    return text_in(component, "type").lower()


def _at(items: Sequence[Component], place: int) -> Component:
    return items[place] if place < len(items) else {}


def _header_medium(header: Component, given: Component) -> Medium | None:
    kind = text_in(header, "format").lower()
    if kind not in _MEDIA:
        return None
    parameter = next(iter(items_in(given, "parameters")), {})
    return medium_of(kind, mapping_in(parameter, kind))


def _place(header: Component, given: Component) -> tuple[Entry, ...]:
    if text_in(header, "format").lower() != "location":
        return ()
    place = mapping_in(next(iter(items_in(given, "parameters")), {}), "location")
    return (Entry("location", text_in(place, "name") or "Location", text_in(place, "address")),)


def _offer(offer: Component) -> tuple[Entry, ...]:
    return (Entry("offer", text_in(offer, "text")),) if offer else ()


def _fill(text: object, given: Component | None) -> str:
    """Return a text with its placeholders filled; one without a value stays as it is.

    The values are not looked through again: what a customer wrote is no placeholder.
    """
    values = _values(given or {})
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), clean(text))


def _values(given: Component) -> Values:
    """Return the values of a component, by the names or positions of its placeholders."""
    return {
        text_in(parameter, "parameter_name") or str(place): _value(parameter)
        for place, parameter in enumerate(items_in(given, "parameters"), 1)
    }


def _value(parameter: Component) -> str:
    kind = text_in(parameter, "type")
    if kind in ("currency", "date_time"):
        return text_in(parameter, kind, "fallback_value")
    return text_in(parameter, kind)


def _buttons(defined: Sequence[Component], sent: Sequence[Component]) -> tuple[Button, ...]:
    given = {text_in(one, "index"): one for one in sent if _kind(one) == "button"}
    return tuple(_button(one, given.get(str(place), {})) for place, one in enumerate(defined))


def _button(defined: Component, given: Component) -> Button:
    kind, label = _BUTTONS.get(_kind(defined), ("reply", ""))
    address = ""
    if kind == "link":
        address = secure_address(_fill(defined.get("url"), given))
    return Button(kind, text_in(defined, "text") or label, address)
