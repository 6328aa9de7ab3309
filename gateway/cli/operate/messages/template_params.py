"""Parameters of a template on the command line, in the form of the API.

| --param | meaning |
|---|---|
| `Ana` | a value of the body, in order |
| `name=Ana` | a value of the body, by name |
| `header.image=https://…`, `header.1=Ana` | the file or the text of the header |
| `button.1=abc`, `button.0.payload=stop`, `button.2.code=SAVE20` | a button's, from 0 |
"""

import re
from collections.abc import Sequence
from typing import Any

from gateway.cli.common import errors

_NAMED = re.compile(r"([a-z_][a-z0-9_]*)=(.*)", re.ASCII | re.DOTALL)
_PLACED = re.compile(r"(header|button)\.(\w+)(?:\.(payload|code))?=(.*)", re.ASCII | re.DOTALL)


def read_params(given: Sequence[str]) -> Any:
    """Return the parameters in the form of the API, or end the command."""
    placed = [found for one in given if (found := _PLACED.fullmatch(one))]
    body = _read_body([one for one in given if not _PLACED.fullmatch(one)])
    if not placed:
        return body
    header: dict[str, str] = {}
    buttons: dict[str, Any] = {}
    for place, key, kind, value in (one.groups() for one in placed):
        if place == "header":
            header[key] = value
        else:
            buttons[key] = {kind: value} if kind else value
    parts = {"header": _in_order(header), "body": body, "buttons": buttons}
    return {name: values for name, values in parts.items() if values}


def _read_body(given: Sequence[str]) -> list[str] | dict[str, str]:
    named = [found for one in given if (found := _NAMED.fullmatch(one))]
    if named and len(named) < len(given):
        raise errors.fail("Give either all values as name=value, or all of them in order.")
    return dict((one[1], one[2]) for one in named) if named else list(given)


def _in_order(header: dict[str, str]) -> list[str] | dict[str, str]:
    return [header["1"]] if header.keys() == {"1"} else header
