"""Stand-ins for what is private: the same for the same, and back to nobody; pure.

Each is made with a secret from what it stands for, so nothing has to be remembered, however many
there are, and whoever does not have the secret can neither undo nor guess one.
"""

import base64
import hashlib
import re
import string

from gateway.core.phone_numbers import one_form

# No country has this code, so a stand-in for a number is nobody's number.
NOBODYS = "999"
# Enough letters that no two texts of a capture share a stand-in by chance.
LEAST_LETTERS = 12
_LETTERS = bytes(ord(string.ascii_lowercase[i % 26]) for i in range(256))

_DIGITS = re.compile(r"\+?(?=[^0-9]*[0-9])[0-9\s().-]+")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")


class StandIns:
    """Gives stand-ins; with the same secret always the same ones."""

    def __init__(self, secret: bytes) -> None:
        """Take what makes them; forget it, and nobody finds out whom they stand for."""
        self._secret = secret

    def text(self, said: str) -> str:
        """Return what takes the place of a text, in the form that its readers look for.

        All ways to write a phone number have one stand-in, a message's id looks like one, and so
        does a user id; anything else becomes letters, as many as it was long or a few more.
        """
        if not said:
            return said
        if _DIGITS.fullmatch(said):
            plus = "+" if said.startswith("+") else ""
            return plus + self.phone(re.sub(r"[^0-9]", "", said))
        if said.startswith("wamid."):
            return "wamid." + base64.b64encode(self._bytes("wamid", said.encode(), 33)).decode()
        if _USER_ID.fullmatch(said):
            return f"ZZ.{self._number('user', said, 10**16):016}"
        return self.letters(said.encode(), max(LEAST_LETTERS, len(said)))

    def phone(self, digits: str) -> str:
        """Return the number that takes the place of a phone number."""
        return f"{NOBODYS}{self._number('phone', one_form(digits), 10**12):012}"

    def integer(self, number: int) -> int:
        """Return what takes the place of a whole number, which may be anybody's phone number."""
        return int(self.phone(str(abs(number))))

    def fraction(self, number: float) -> float:
        """Return what takes the place of a number with a fraction, such as a latitude."""
        return self._number("fraction", repr(number), 10**6) / 10**4

    def letters(self, said: bytes, count: int) -> str:
        """Return so many letters in the place of any bytes."""
        return self._bytes("letters", said, count).translate(_LETTERS).decode()

    def _number(self, kind: str, said: str, below: int) -> int:
        return int.from_bytes(self._bytes(kind, said.encode(), 16)) % below

    def _bytes(self, kind: str, said: bytes, count: int) -> bytes:
        # Secret and kind have a fixed length, or an end, so that nothing can imitate another kind.
        seed = hashlib.sha256(self._secret).digest() + kind.encode() + b"\0" + said
        return hashlib.shake_256(seed).digest(count)
