"""Content of a bubble: what the chat shows of a message, before it becomes markup."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.core.messages.rendering.formatting import Line, clean

MOST_ITEMS = 60  # of a list: more than any message has
_SECURE = "https://"


class Medium(NamedTuple):
    """A file in the place of which a sign stands: nothing is fetched for a drawing."""

    kind: str
    name: str


class Entry(NamedTuple):
    """A place, a contact or a product."""

    kind: str
    title: str
    about: str = ""


class Button(NamedTuple):
    """A button below a message; `address` is where it leads, "" if nowhere."""

    kind: str
    label: str
    address: str = ""


class Row(NamedTuple):
    """A row of a list."""

    title: str
    about: str = ""


class Group(NamedTuple):
    """Rows under a title."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """Parts of a bubble, from top to bottom; what is empty is not shown."""

    note: str = ""  # what is said about the message, in the words of the gateway
    medium: Medium | None = None
    header: tuple[Line, ...] = ()
    entries: tuple[Entry, ...] = ()
    text: tuple[Line, ...] = ()
    footer: tuple[Line, ...] = ()
    buttons: tuple[Button, ...] = ()
    groups: tuple[Group, ...] = ()
    cards: tuple["Content", ...] = ()
    emoji: str = ""  # alone, and large


def mapping_in(value: object, name: str) -> Mapping[str, Any]:
    """Return an object inside another, {} where there is none."""
    inner = value.get(name) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def items_in(value: object, name: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list inside an object, up to a bound."""
    inner = value.get(name) if isinstance(value, Mapping) else None
    items = inner if isinstance(inner, list | tuple) else ()
    return [item for item in items[:MOST_ITEMS] if isinstance(item, Mapping)]


def text_in(value: object, *path: str) -> str:
    """Return a text by its path, "" where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return clean(value)


def secure_address(value: object) -> str:
    """Return a web address that may be followed, "" for any other."""
    address = clean(value)
    has_space = any(char.isspace() for char in address)
    return address if address.startswith(_SECURE) and not has_space else ""
