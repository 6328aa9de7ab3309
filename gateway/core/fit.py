"""Make foreign text fit to be kept; pure."""

import re

_MAX_TEXT = 300
# Meta's words may quote a phone number, in any spelling, or a token.
_PRIVATE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}|[\w-]{32,}")


def fit(value: object) -> str:
    """Return one line of bounded length, without what is private; "" of what is no text."""
    if not isinstance(value, str):
        return ""
    return _PRIVATE.sub("…", " ".join(value.split()))[:_MAX_TEXT]
