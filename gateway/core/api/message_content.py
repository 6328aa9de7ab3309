"""Content of a requested message: a short form, or Meta's own inner object unchanged."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.core import messages
from gateway.core.api import short_forms
from gateway.core.api.field_errors import FieldError, FieldReader, escape
from gateway.core.messages import length_limits
from gateway.core.messages.length_limits import TEXT, is_line, too_long_reason
from gateway.core.templates.given import ODD_SPACES
from gateway.core.templates.param_form import read_params

# What Meta's outer object has beside the content; what clients of Meta send is accepted as it is.
ENVELOPE: Mapping[str, str] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
TYPES = frozenset(
    {"audio", "contacts", "document", "image", "interactive", "location", "reaction", "sticker"}
    | {"template", "text", "video"}
)
# Content without `type`: a short form, or Meta's object under the name of its type.
CONTENT = TYPES | short_forms.NAMES
MOST_DEPTH = 20
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "text": ("body",), "template": ("name",), "reaction": ("message_id",),
}  # fmt: skip
_NEEDED_TEXTS = frozenset(f"{kind}.{name}" for kind, each in _NEEDED.items() for name in each)
_FILES = frozenset({"audio", "document", "image", "sticker", "video"})
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")


def read_content(reader: FieldReader) -> messages.Body | None:
    """Return the message in Meta's form; None, and a note for everything that is wrong."""
    kind = reader.fields.get("type")
    for name, value in ENVELOPE.items():
        if reader.fields.get(name, value) != value:
            reader.add(name, f"must be {value}")
    if kind is not None:
        _refuse_beside(reader, kind)
        return _read_meta(reader, kind)
    given = _given_content(reader)
    if len(given) != 1:
        reader.add("", f"needs one of {', '.join(sorted(CONTENT))}")
        return None
    match given[0]:
        case "text" if not isinstance(reader.fields["text"], Mapping):
            return _read_text(reader)
        case "template":
            return read_template(reader, "template")
        case name if name in short_forms.NAMES:
            return short_forms.read_short_form(reader, name)
        case name:
            return _read_meta(reader, name)


def _given_content(reader: FieldReader) -> list[str]:
    """Return the names of the contents that a request has."""
    given = reader.fields.items()
    return sorted([name for name, value in given if name in CONTENT and value is not None])


def _refuse_beside(reader: FieldReader, kind: object) -> None:
    """Note content beside that of the type, which nothing would send."""
    for name in _given_content(reader):
        if name != kind:
            reader.add(name, "must be left out beside a type with another name")


def _read_text(reader: FieldReader) -> messages.Body | None:
    text = reader.text("text", TEXT)
    if text and not text.strip():
        reader.add("text", "is empty")
    return messages.text(text) if text.strip() else None


def _read_meta(reader: FieldReader, kind: object) -> messages.Body | None:
    """Return Meta's object of a type, as it was given."""
    if not isinstance(kind, str) or kind not in TYPES:
        reader.add("type", f"must be one of {', '.join(sorted(TYPES))}")
        return None
    inner = reader.fields.get(kind)
    # Only contacts are a list.
    wanted = list if kind == "contacts" else dict
    if not isinstance(inner, wanted) or not inner:
        reader.add(kind, f"must be the {kind} in Meta's form")
        return None
    body = {"type": kind, kind: inner}
    before = len(reader.errors)
    if isinstance(inner, dict):
        _check_needed(FieldReader(inner, f"{reader.pointer}/{kind}", reader.errors), kind)
    _check_parts(reader, body)
    return body if len(reader.errors) == before else None


def _check_needed(inner: FieldReader, kind: str) -> None:
    """Note parts without which Meta refuses an object of a type."""
    for name in _NEEDED.get(kind, ()):
        if not isinstance(inner.fields.get(name), str):
            inner.add(name, "is missing, or is no text")
    if kind in _FILES and not {"id", "link"} & inner.fields.keys():
        inner.add("", "needs link, or the id of a file that was uploaded to Meta")
    language = inner.fields.get("language")
    if kind == "template" and not (
        isinstance(language, Mapping) and isinstance(language.get("code"), str)
    ):
        inner.add("language", 'must be an object with the code of a language, {"code": "en"}')


def read_template(reader: FieldReader, name: str) -> messages.Body | None:
    """Return a template in the short form: its name, its language, and its parameters."""
    given = reader.fields.get(name)
    if not isinstance(given, Mapping):
        reader.add(name, "must have name and language")
        return None
    inner = FieldReader(given, f"{reader.pointer}/{name}", reader.errors)
    inner.refuse_unknown(frozenset({"name", "language", "params"}))
    before = len(reader.errors)
    if not isinstance(given.get("name"), str) or not _NAME.fullmatch(given["name"]):
        inner.add("name", "must be a template's name: small letters, digits and _")
    if not isinstance(given.get("language"), str) or not _LANGUAGE.fullmatch(given["language"]):
        inner.add("language", "must be a template's language, such as en or pt_PT")
    form = read_params(given.get("params", []), f"{inner.pointer}/params")
    reader.errors += [FieldError(one.pointer, one.detail) for one in form.mismatches]
    if len(reader.errors) > before:
        return None
    return messages.template(given["name"], given["language"], form.components)


def _check_parts(reader: FieldReader, body: messages.Body) -> None:
    """Note each part that Meta would refuse for its length, its link or its depth."""
    limits = length_limits.of(body)
    for pointer, path, value in _iter_texts(body, "", "", 0):
        place = pointer.removeprefix("/")
        if pointer.count("/") > MOST_DEPTH:
            reader.add(place, f"lies deeper than {MOST_DEPTH} levels")
            return
        if (most := limits.get(path)) and len(value) > most:
            reader.add(place, too_long_reason(len(value), most))
        if is_line(path) and ODD_SPACES.search(value):
            reader.add(place, "holds a line break, a tab or more than four spaces")
        if path.endswith(".link") and not value.startswith("https://"):
            reader.add(place, "must begin with https://, or Meta does not fetch it")
        if path in _NEEDED_TEXTS and not value.strip():
            reader.add(place, "is empty")


def _iter_texts(value: Any, pointer: str, path: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """Yield each text with its JSON pointer, and with its path without the positions of lists."""
    if depth > MOST_DEPTH:
        yield pointer, path, ""
    elif isinstance(value, str):
        yield pointer, path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            yield from _iter_texts(inner, f"{pointer}/{escape(name)}", below, depth + 1)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _iter_texts(inner, f"{pointer}/{i}", path, depth + 1)
