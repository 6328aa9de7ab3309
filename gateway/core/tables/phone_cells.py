"""Phone numbers in cells of a table, as people and spreadsheets write them.

What cannot be read exactly is never guessed: a wrong number is somebody else's.
"""

import re
from dataclasses import dataclass

from gateway.core.api.recipient import parse_national_phone, parse_phone, strip_invisible

_EXPONENT = re.compile(r"[+-]?\d+(?:[.,]\d*)?[eE][+-]?\d+")
_DECIMAL = re.compile(r"(\+?\d{7,15})[.,](0+|\d{1,2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T].*)?|\d{1,2}[./]\d{1,2}[./](?:\d{2}|\d{4})")
_NATIONAL = re.compile(r"\(?\d(?:[ ()/.-]*\d){6,11}")
_IMPOSSIBLE = "is no possible phone number"
_CLEAN = re.compile(r"\+?[1-9]\d{9,14}")


class TableError(Exception):
    """A table cannot be read at all; the message says why and where."""


@dataclass(slots=True)
class PhoneCells:
    """Reads phone numbers, and counts those that it repaired."""

    country: str = ""  # of national numbers
    repaired: int = 0

    def read(self, text: str) -> str:
        """Return the digits of a number; "" for an empty cell, else a sentence about it."""
        text = strip_invisible(text).lstrip("'").strip()
        if not text:
            return ""
        if _EXPONENT.fullmatch(text):
            return "was destroyed by a spreadsheet: format the column as text"
        if _DATE.fullmatch(text):
            return "is a date and no phone number: format the column as text"
        if match := _DECIMAL.fullmatch(text):
            if match[2].strip("0"):
                return _IMPOSSIBLE
            self.repaired += 1
            text = match[1]
        if _CLEAN.fullmatch(text) and (text[0] == "+" or not self.country):
            return parse_phone(text) or _IMPOSSIBLE
        national = parse_national_phone(text, self.country) if self.country else ""
        return parse_phone(text) or national or self._explain(text)

    def _explain(self, text: str) -> str:
        """Return why it is no number: a national one is read where the country is known."""
        if self.country or not _NATIONAL.fullmatch(text):
            return _IMPOSSIBLE
        return f"{_IMPOSSIBLE} without its country's code, and the account has no country"
