"""Phone numbers in cells of a table, as people and spreadsheets write them.

What cannot be read exactly is never guessed: a wrong number is somebody else's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.api.recipient import parse_national_phone, parse_phone

# Names of the column with the phone number, in small letters and without signs.
PHONE_COLUMNS = frozenset(
    {"phone", "phonenumber", "number", "mobile", "mobilephone", "cell", "to", "waid", "whatsapp"}
    | {"telefone", "telemovel", "celular", "telefono", "movil", "tel", "telefon", "handy", "msisdn"}
)
_EXPONENT = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]?\d+")
_DECIMAL = re.compile(r"(\d{7,15})[.,]0+")
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
        text = text.strip().lstrip("'").strip()
        if not text:
            return ""
        if _EXPONENT.fullmatch(text):
            return "was destroyed by a spreadsheet: format the column as text"
        if _DATE.fullmatch(text):
            return "is a date and no phone number: format the column as text"
        if match := _DECIMAL.fullmatch(text):
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


def find_phone_column(names: Iterable[str]) -> str:
    """Return the column that holds the phone number. Raises TableError unless it is one."""
    found = [name for name in names if plain_name(name) in PHONE_COLUMNS]
    if len(found) != 1:
        named = ", ".join(found) if found else "none of the columns"
        raise TableError(
            f"Exactly one column must hold the phone number, such as phone; here {named} does."
        )
    return found[0]


def plain_name(name: str) -> str:
    """Return the name of a column in small letters, without spaces and signs."""
    return re.sub(r"[\s_.-]", "", name).lower()
