"""Readers of the parts that several short forms have."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gateway.core.api.field_errors import FieldReader, escape
from gateway.core.messages.length_limits import FOOTER, HEADER, TEXT

Part = TypeVar("Part")
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,15})?")
_WEB_ADDRESS = re.compile(r"https?://[^\s/]\S{0,1999}")


def read_text(reader: FieldReader, name: str, most: int) -> str:
    """Return a text that must be there, "" where it is wrong."""
    if reader.fields.get(name) is None:
        reader.add(name, "is missing")
        return ""
    return read_optional_text(reader, name, most)


def read_optional_text(reader: FieldReader, name: str, most: int) -> str:
    """Return a text, "" where it is missing or wrong."""
    text = reader.text(name, most)
    if text and not text.strip():
        reader.add(name, "is empty")
    return text


def read_frame(reader: FieldReader) -> tuple[str, str]:
    """Return the lines above and below a message."""
    return read_optional_text(reader, "header", HEADER), read_optional_text(
        reader, "footer", FOOTER
    )


def read_address(reader: FieldReader, name: str) -> str:
    """Return the address of a web page that must be there."""
    address = read_text(reader, name, 2000)
    if address and not _WEB_ADDRESS.fullmatch(address):
        reader.add(name, "must be a web address that begins with https:// or http://")
    return address


def read_degrees(reader: FieldReader, name: str, most: int) -> str:
    """Return degrees as they are written, between minus and plus `most`."""
    value = reader.fields.get(name)
    # Not a flag, which is a number to Python.
    if type(value) in (int, float) and -most <= value <= most:  # type: ignore[operator]
        value = _write_degrees(value)
    if not isinstance(value, str) or not _DEGREES.fullmatch(value) or abs(float(value)) > most:
        reader.add(name, f"must be a number of degrees from -{most} to {most}")
        return ""
    return value


def _write_degrees(value: Any) -> str:
    """Write a number without an exponent, and 0 without a sign."""
    return f"{round(value, 7) + 0.0:.7f}".rstrip("0").rstrip(".")


def read_each(
    reader: FieldReader, name: str, most: int, read: Callable[[FieldReader, str], Part]
) -> list[Part]:
    """Read a list that must be there, each item by its place."""
    items = reader.fields.get(name)
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        reader.add(name, f"must be a list of 1 to {most} entries")
        return []
    by_place = {str(place): item for place, item in enumerate(items)}
    inner = FieldReader(by_place, f"{reader.pointer}/{name}", reader.errors)
    return [read(inner, place) for place in by_place]


def read_mapping(reader: FieldReader, name: str, most: int, most_key: int) -> Mapping[str, Any]:
    """Return an object with 1 to `most` entries whose names are texts for Meta."""
    value = reader.fields.get(name)
    if not isinstance(value, Mapping) or not 1 <= len(value) <= most:
        reader.add(name, f"must be an object with 1 to {most} entries")
        return {}
    for key in value:
        if not key.strip() or key != key.strip() or len(key) > most_key:
            detail = f"must have a name of 1 to {most_key} characters, without space around it"
            reader.add(f"{name}/{escape(key)}", detail)
    return value


def nested(reader: FieldReader, name: str, known: frozenset[str]) -> FieldReader | None:
    """Return a reader of an object inside the fields; None, and a note, where it is none."""
    value = reader.fields.get(name)
    if not isinstance(value, Mapping):
        reader.add(name, f"must be an object with {', '.join(sorted(known))}")
        return None
    inner = FieldReader(value, f"{reader.pointer}/{escape(name)}", reader.errors)
    inner.refuse_unknown(known)
    return inner


def read_texts(reader: FieldReader, name: str, most: int) -> tuple[str, ...]:
    """Return a list of up to `most` texts, () where it is missing."""
    if reader.fields.get(name) is None:
        return ()
    return tuple(read_each(reader, name, most, lambda inner, place: read_text(inner, place, TEXT)))
