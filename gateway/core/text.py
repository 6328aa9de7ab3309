"""Text that others wrote, made fit to be kept and logged; pure."""

import re

MOST = 300
# What others say may quote a phone number, in any spelling, or a token.
_PRIVATE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}|[\w-]{32,}")


def fit(value: object) -> str:
    """Return one line of bounded length, without what is private; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    return _PRIVATE.sub("…", " ".join(value.split()))[:MOST]
