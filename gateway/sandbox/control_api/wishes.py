"""What may be wished for the token and for the account, field by field."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from gateway.sandbox.simulation.customer_messages import ControlError
from gateway.sandbox.simulation.tokens import TYPES
from gateway.sandbox.wire import Json

Wishes: TypeAlias = Mapping[str, tuple[Callable[[object], bool], str]]


def check(wish: Json, known: Wishes) -> None:
    """Raise ControlError at the first value that is none."""
    for name, value in wish.items():
        holds, wanted = known[name]
        if not holds(value):
            raise ControlError(f"{name} must be {wanted}.")


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_seconds(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _is_names(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_FLAG = (_is_flag, "true or false")
_TEXTS = (_is_texts, "a list of strings that are not empty")

TOKEN: Wishes = {
    "access_token": (_is_text, "a string that is not empty"),
    "revoked": _FLAG,
    "type": (lambda value: value in TYPES, f"one of {', '.join(TYPES)}"),
    "expires_in_s": (_is_seconds, "a number of seconds, or null for never"),
    "scopes": _TEXTS,
    "of_another_app": _TEXTS,
}
ACCOUNT: Wishes = {
    "callback": (lambda value: isinstance(value, str), "a web address, or empty for none"),
    "fields": _TEXTS,
    "subscribed": _FLAG,
    "other_apps": (_is_names, "ids of apps, each with a name"),
}
