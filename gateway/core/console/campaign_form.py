"""Forms of a new campaign and of a repetition: their fields as the body that the API takes.

The API says what is wrong with a field, so nothing is judged here. A field that is empty is left
out, and then the API's own value counts.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_TEXTS = ("from", "pace", "start_at", "finish_by", "when_closed")
_STOP = ("failed", "unconfirmed", "over", "opted_out", "quality", "codes")
_WORDS = {"yes": True, "no": False}
_MINUTE_S = 60


def write_campaign(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the API's body from the fields of the form."""
    given = {name: text.strip() for name, text in form.items() if text.strip()}
    body: dict[str, Any] = {"name": given.get("name", ""), **_write_message(given)}
    body |= {name: given[name] for name in _TEXTS if name in given}
    body |= {
        name: _value(given[name]) for name in ("marketing", "skip_unreachable") if name in given
    }
    parts = {
        "quiet_hours": _pick(given, {"from": "quiet_from", "to": "quiet_to"}),
        "first": _write_first(given),
        "stop": _pick(given, {name: f"stop_{name}" for name in _STOP}, read=_value),
        "notify": _write_notify(given),
    }
    return body | {name: part for name, part in parts.items() if part}


def write_retry(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the API's body of a repetition; codes may have commas or spaces between them."""
    given = {name: text.strip() for name, text in form.items() if text.strip()}
    body: dict[str, Any] = {"scope": given.get("scope", "")}
    if "codes" in given:
        body["codes"] = [_value(one) for one in re.split(r"[\s,;]+", given["codes"]) if one]
    return body | _pick(given, {"accept_duplicates": "accept_duplicates"}, read=_value)


def _write_message(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the template, or else the text."""
    if "template" not in given:
        return {"text": given.get("text", "")}
    params = [line.strip() for line in given.get("params", "").splitlines()]
    return {
        "template": {
            "name": given["template"],
            "language": given.get("language", ""),
            "params": [line for line in params if line],
        }
    }


def _write_first(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the first batch; people wait in minutes, and the API in seconds."""
    first = _pick(given, {"size": "first_size", "wait": "first_wait"}, read=_value)
    if isinstance(minutes := first.get("wait"), int):
        first["wait"] = minutes * _MINUTE_S
    return first


def _write_notify(given: Mapping[str, str]) -> dict[str, Any]:
    """Return where its end is reported."""
    notify = _pick(given, {"post": "notify_post"}, read=_value)
    notify |= _pick(given, {"forward": "notify_forward", "to": "notify_to"})
    if name := given.get("notify_template"):
        notify["template"] = {"name": name, "language": given.get("notify_language", "")}
    return notify


def _pick(
    given: Mapping[str, str],
    names: Mapping[str, str],
    read: Callable[[str], str | int | bool] = str,
) -> dict[str, Any]:
    """Return those of the form's fields that were filled in, by the API's names."""
    return {name: read(given[field]) for name, field in names.items() if field in given}


def _value(text: str) -> str | int | bool:
    """Return a number, or yes or no, as JSON has it; anything else the API refuses by its place."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
