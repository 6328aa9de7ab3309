"""Parameters that a template has: where each is, under which key, of which kind and length.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.core.templates.template import MetaTemplate

HEADER, BODY = "header", "body"
TEXT = "text"
MEDIA = frozenset({"image", "video", "document", "gif"})
MOST_BODY, MOST_HEADER, MOST_URL, MOST_PAYLOAD, MOST_CODE = 1024, 60, 2000, 128, 20
PLACE = re.compile(r"\{\{\s*(\w{1,64})\s*\}\}")


class TemplateParameter(NamedTuple):
    """One parameter; a button's payload and a flow's data may be left out."""

    where: str  # header, body, or button[i] with the button's position among all
    key: str  # its position from 1, or its name; of a medium its kind
    kind: str  # text, image, video, document, gif, location, payload, coupon_code or action
    example: str = ""
    max: int | None = None  # characters, beside the text around it
    is_required: bool = True


def read_parameters(template: MetaTemplate) -> tuple[TemplateParameter, ...]:
    """Return the parameters of a template's header, body and buttons, in this order.

    Those of carousel cards and limited offers are not among them. What cannot be read has none.
    """
    found: list[TemplateParameter] = []
    for component in template.components or ():
        match str(component.get("type")).upper():
            case "HEADER":
                found += _read_header(component)
            case "BODY":
                found += _read_text(component, BODY, MOST_BODY)
            case "BUTTONS":
                found += _read_buttons(component)
            case _:
                pass
    order = {HEADER: 0, BODY: 1}
    return tuple(sorted(found, key=lambda one: order.get(one.where, 2)))


def is_checkable(template: MetaTemplate) -> bool:
    """Say whether the template's parameters are known as Meta has them now."""
    return template.components is not None and not template.is_outdated


def placeholders(text: str) -> list[str]:
    """Return the keys of the parameters in a text, each once: positions in order, or names."""
    keys = list(dict.fromkeys(PLACE.findall(text)))
    return sorted(keys, key=int) if all(map(str.isdecimal, keys)) else keys


def _read_header(component: Mapping[str, Any]) -> Iterator[TemplateParameter]:
    form = str(component.get("format", "TEXT")).lower()
    if form == TEXT:
        yield from _read_text(component, HEADER, MOST_HEADER)
    elif form in MEDIA or form == "location":
        yield TemplateParameter(HEADER, form, form)


def _read_text(component: Mapping[str, Any], where: str, most: int) -> Iterator[TemplateParameter]:
    text = component.get("text")
    if not isinstance(text, str):
        return
    room, examples = most - len(PLACE.sub("", text)), _examples(component, where)
    for key in placeholders(text):
        yield TemplateParameter(where, key, TEXT, examples.get(key, ""), max(room, 1))


def _examples(component: Mapping[str, Any], where: str) -> Mapping[str, str]:
    """Return the examples of a text by key; Meta has one form for names, another for positions."""
    match component.get("example"):
        case {"body_text_named_params": list(rows)} | {"header_text_named_params": list(rows)}:
            pairs = (one for one in rows if isinstance(one, Mapping))
            return {str(one.get("param_name")): str(one.get("example", "")) for one in pairs}
        case {"body_text": [[*values], *_]} if where == BODY:
            return {str(i): str(value) for i, value in enumerate(values, 1)}
        case {"header_text": [*values]} if where == HEADER:
            return {str(i): str(value) for i, value in enumerate(values, 1)}
        case _:
            return {}


def _read_buttons(component: Mapping[str, Any]) -> Iterator[TemplateParameter]:
    rows = component.get("buttons")
    for i, row in enumerate(rows if isinstance(rows, Sequence) else ()):
        if isinstance(row, Mapping) and (found := _read_button(f"button[{i}]", row)):
            yield found


def _read_button(where: str, row: Mapping[str, Any]) -> TemplateParameter | None:
    """Return the parameter of a button, None if it has none."""
    example = row.get("example")
    shown = str(example[0]) if isinstance(example, list) and example else ""
    kind = str(row.get("type")).upper()
    if kind == "URL":
        return _read_url(where, str(row.get("url", "")), shown)
    if kind == "COPY_CODE":
        shown = example if isinstance(example, str) else shown
    if kind not in _OF_BUTTONS:
        return None
    what, most, is_required = _OF_BUTTONS[kind]
    return TemplateParameter(where, "1", what, shown, most, is_required)


_OF_BUTTONS: Mapping[str, tuple[str, int | None, bool]] = {
    "OTP": (TEXT, MOST_CODE, True),
    "COPY_CODE": ("coupon_code", MOST_CODE, True),
    "QUICK_REPLY": ("payload", MOST_PAYLOAD, False),
    **dict.fromkeys(("FLOW", "CATALOG", "MPM", "SPM"), ("action", None, False)),
}


def _read_url(where: str, url: str, shown: str) -> TemplateParameter | None:
    if not PLACE.search(url):
        return None
    room = max(MOST_URL - len(PLACE.sub("", url)), 1)
    return TemplateParameter(where, "1", TEXT, shown, room)
