"""Request of the usual recipe: a phone number, and a message in Meta's own form; pure."""

from collections.abc import Mapping
from typing import Any

from gateway.core.api.field_errors import FieldError, FieldReader

FIELDS = frozenset({"phone_number", "message"})


def name_place(error: FieldError) -> str:
    """Return where an error is, in the words of the recipe: `message/template/name`."""
    place = error.pointer.removeprefix("#/")
    if place == "to":
        return "phone_number"
    return place if place.partition("/")[0] in FIELDS else f"message/{place.lstrip('#')}"


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
    is_whole = bool({"type", "template"} & message.keys())
    typed = {"type": "template"} | dict(message if is_whole else {"template": message})
    return {**typed, "to": given.get("phone_number")}
