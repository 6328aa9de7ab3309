"""Parameters that a message gives to a template, read from Meta's form of the message."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.core.templates.parameters import BODY, HEADER, TEXT

# The key of a value by its kind, where the kind is not the key itself.
_TEXT_OF = {TEXT: "text", "payload": "payload", "coupon_code": "coupon_code"}
# Deprecated kinds that Meta takes in place of a text.
_AS_TEXT = frozenset({"currency", "date_time"})
MEDIA_OR_PLACE = frozenset({"image", "video", "document", "gif", "location"})
# Meta: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces".
ODD_SPACES = re.compile(r"[\n\r\t]| {5}")


class GivenParameter(NamedTuple):
    """One parameter of a message; `text` is None where it is none, or is not known yet."""

    where: str
    key: str
    kind: str
    text: str | None
    pointer: str


def read_given(components: Any, pointer: str) -> Iterator[GivenParameter]:
    """Yield the parameters of the header, the body and the buttons of a message.

    `components` are Meta's, of any shape; what is malformed is left to Meta. Parameters of
    carousels and limited offers are left out.
    """
    for i, component in enumerate(components if isinstance(components, Sequence) else ()):
        if not isinstance(component, Mapping):
            continue
        where = _where(component)
        rows = component.get("parameters")
        if where and isinstance(rows, Sequence) and not isinstance(rows, str):
            yield from _read_rows(rows, where, f"{pointer}/{i}/parameters")


def _where(component: Mapping[str, Any]) -> str:
    match str(component.get("type")).lower():
        case "header":
            return HEADER
        case "body":
            return BODY
        case "button":
            return f"button[{component.get('index', 0)}]"
        case _:
            return ""


def _read_rows(rows: Sequence[Any], where: str, pointer: str) -> Iterator[GivenParameter]:
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            continue
        kind = str(row.get("type", TEXT)).lower()
        value = row.get(_TEXT_OF.get(kind, ""))
        text = value if isinstance(value, str) else None
        if kind in _AS_TEXT:
            kind = TEXT
        key = kind if kind in MEDIA_OR_PLACE else str(row.get("parameter_name") or i + 1)
        yield GivenParameter(where, key, kind, text, f"{pointer}/{i}")
