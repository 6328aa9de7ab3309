"""Request of the usual recipe: a phone number, and a message in Meta's own form; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.api.field_errors import FieldError, FieldReader

FIELDS = frozenset({"phone_number", "message"})


def name_place(error: FieldError) -> str:
    """Return where an error is, in the words of the recipe: `message/template/name`."""
    place = error.pointer.removeprefix("#/")
    if place == "to":
        return "phone_number"
    return place if place.partition("/")[0] in FIELDS else f"message/{place.lstrip('#')}"


def locate_in_recipe(
    errors: Sequence[FieldError], given: Mapping[str, Any]
) -> Sequence[FieldError]:
    """Return the errors of a request that was read, by their places in the recipe's."""
    is_bare = not _is_whole(given["message"])  # what `template` would hold, without that name
    return [FieldError(_locate(one.pointer, is_bare), one.detail) for one in errors]


def _locate(pointer: str, is_bare: bool) -> str:
    if pointer == "#/to":
        return "#/phone_number"
    place = pointer.removeprefix("#").removeprefix("/template" if is_bare else "")
    return f"#/message{place}"


def read_recipe(given: Mapping[str, Any]) -> Mapping[str, Any] | list[FieldError]:
    """Return the fields of a request to send, or everything that is wrong.

    `message` is Meta's inner object; a template unless its type says otherwise.
    """
    reader = FieldReader(given)
    reader.refuse_unknown(FIELDS)
    message = given.get("message")
    if not isinstance(message, Mapping):
        reader.add("message", "must be a message in Meta's form")
        return reader.errors
    if reader.errors:
        return reader.errors
    whole = message if _is_whole(message) else {"template": message}
    typed = {"type": "template"} | dict(whole)
    return {**typed, "to": given.get("phone_number")}


def _is_whole(message: Mapping[str, Any]) -> bool:
    """Say whether a message is Meta's object, and not just the content of its template."""
    return bool({"type", "template"} & message.keys())
