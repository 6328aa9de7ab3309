"""Parameters as clients and rules write them: one form for positions and names, and each place.

| params | meaning |
|---|---|
| `["Ana", "17"]` | the body's, in order |
| `{"name": "Ana"}` | the body's, by name |
| `{"header": …, "body": …, "buttons": …}` | each a list or an object: those of each place |

In `header` an object of image, video or document names a file, and location a place. In `buttons`
a text ends the address of a button; `{"payload": …}` is what a quick reply sends back, and
`{"code": …}` a coupon code. A list counts the buttons from 0, with null for one that gets nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.core.templates.given import ODD_SPACES, GivenParameter
from gateway.core.templates.parameters import BODY, HEADER, TEXT
from gateway.core.templates.template import Mismatch

PLACES = frozenset({"header", "body", "buttons"})
FILES = ("image", "video", "document")
_BUTTON_KINDS: Mapping[str, tuple[str, str, str]] = {
    "url": ("url", TEXT, "text"),
    "payload": ("quick_reply", "payload", "payload"),
    "code": ("copy_code", "coupon_code", "coupon_code"),
}
MOST_BUTTONS = 10
VALUE_FORM = "must be a text or a number"


class ParamsForm(NamedTuple):
    """What `params` say: components in Meta's form, or everything that is wrong with them."""

    components: list[Any]
    mismatches: list[Mismatch]


def read_params(given: Any, pointer: str = "#/template/params") -> ParamsForm:
    """Return the components that `params` stand for, and what is wrong with them."""
    wrong: list[Mismatch] = []
    if has_places(given):
        parts = {name: given[name] for name in ("header", "body", "buttons") if name in given}
        components = [
            one
            for name, value in parts.items()
            for one in _READERS[name](value, f"{pointer}/{name}", wrong)
        ]
        return ParamsForm(components, wrong)
    return ParamsForm([*_read_body(given, pointer, wrong)], wrong)


def has_places(given: Any) -> bool:
    """Say whether `params` are of the form with places: no value of it is a mere text."""
    return (
        isinstance(given, Mapping)
        and bool(given)
        and given.keys() <= PLACES
        and all(isinstance(one, Mapping | list | tuple) for one in given.values())
    )


def pointer_of(given: Any, parameter: GivenParameter, base: str = "#/template/params") -> str:
    """Return where a parameter of the message stands in the `params` from which it was made."""
    is_position = parameter.key.isdecimal()
    if parameter.where.startswith("button["):
        return f"{base}/buttons/{parameter.where[7:-1]}"
    place = f"{base}/{parameter.where}" if has_places(given) else base
    return f"{place}/{int(parameter.key) - 1 if is_position else _escape(parameter.key)}"


def _read_body(given: Any, pointer: str, wrong: list[Mismatch]) -> Iterator[Any]:
    rows = [*_read_texts(given, pointer, wrong)]
    if rows:
        yield {"type": BODY, "parameters": rows}


def _read_header(given: Any, pointer: str, wrong: list[Mismatch]) -> Iterator[Any]:
    if isinstance(given, Mapping) and len(given) == 1:
        kind, value = next(iter(given.items()))
        if kind in FILES:
            yield {"type": HEADER, "parameters": [_read_file(kind, value, pointer, wrong)]}
            return
        if kind == "location" and isinstance(value, Mapping):
            yield {"type": HEADER, "parameters": [{"type": kind, kind: dict(value)}]}
            return
    rows = [*_read_texts(given, pointer, wrong)]
    if rows:
        yield {"type": HEADER, "parameters": rows}


def _read_file(kind: str, value: Any, pointer: str, wrong: list[Mismatch]) -> Any:
    if isinstance(value, str) and value:
        is_link = value.startswith(("https://", "http://"))
        value = {"link" if is_link else "id": value}
    if not isinstance(value, Mapping) or not value:
        detail = "must be a link, the id of an uploaded file, or an object of link and filename"
        wrong.append(Mismatch(f"{pointer}/{kind}", detail))
        value = {}
    link = value.get("link")
    if isinstance(link, str) and not link.startswith("https://"):
        detail = "must begin with https://, or Meta does not fetch it"
        wrong.append(Mismatch(f"{pointer}/{kind}", detail))
    return {"type": kind, kind: dict(value)}


def _read_texts(given: Any, pointer: str, wrong: list[Mismatch]) -> Iterator[Any]:
    """Yield the parameters of a text, in order or by name."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            text = _read_value(value, f"{pointer}/{_escape(str(name))}", wrong)
            yield {"type": TEXT, "parameter_name": name, "text": text}
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for i, value in enumerate(given):
            yield {"type": TEXT, "text": _read_value(value, f"{pointer}/{i}", wrong)}
    else:
        wrong.append(
            Mismatch(pointer, "must be a list of values, or an object of names and values")
        )


def _read_buttons(given: Any, pointer: str, wrong: list[Mismatch]) -> Iterator[Any]:
    rows = given.items() if isinstance(given, Mapping) else enumerate(given)
    for index, value in rows:
        place = f"{pointer}/{_escape(str(index))}"
        if not str(index).isdecimal() or int(index) >= MOST_BUTTONS:
            wrong.append(
                Mismatch(place, f"must be a button's position, from 0 to {MOST_BUTTONS - 1}")
            )
        elif value is not None:
            yield _read_button(str(index), value, place, wrong)


def _read_button(index: str, value: Any, place: str, wrong: list[Mismatch]) -> Any:
    word = "url"
    if isinstance(value, Mapping):
        word = next(iter(value), "")
        if len(value) != 1 or word not in _BUTTON_KINDS:
            known = ", ".join(_BUTTON_KINDS)
            wrong.append(Mismatch(place, f"must be a text, or an object with one of {known}"))
            word = "url"
        value = value.get(word, "-")
    sub_type, kind, name = _BUTTON_KINDS[word]
    row = {"type": kind, name: _read_value(value, place, wrong)}
    return {"type": "button", "sub_type": sub_type, "index": index, "parameters": [row]}


def _read_value(value: object, pointer: str, wrong: list[Mismatch]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        wrong.append(Mismatch(pointer, VALUE_FORM))
        return ""
    text = str(value)
    if not text.strip():
        wrong.append(Mismatch(pointer, "is empty, and Meta refuses an empty parameter"))
    elif ODD_SPACES.search(text):
        detail = "holds a line break, a tab or more than four spaces, which Meta refuses"
        wrong.append(Mismatch(pointer, detail))
    return text


def _escape(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")


_READERS = {"header": _read_header, "body": _read_body, "buttons": _read_buttons}
