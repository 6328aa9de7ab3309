"""Compact binary fields: counts, moments, and ids of Meta's and our own.

A text is written as its length and form, then its bytes: ids of base32, digits and hex, and Meta's
wamids take about half of their letters. Text in none of these forms is written unchanged.
"""

import base64
import binascii
from collections.abc import Callable

_PLAIN, _BASE32, _HEX, _WAMID = range(4)
_WAMID_START = "wamid."
_HEX_DIGITS = frozenset("0123456789abcdef")
_BASE32_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_AS_INT = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")


class Packer:
    """Writer of values, one after another."""

    def __init__(self) -> None:
        """Start empty."""
        self._bytes = bytearray()

    def count(self, value: int) -> None:
        """Write a number from 0 on, seven bits a byte."""
        while value > 0x7F:
            self._bytes.append(value & 0x7F | 0x80)
            value >>= 7
        self._bytes.append(value)

    def offset(self, value: int) -> None:
        """Write a number that may be below 0."""
        self.count(value * 2 if value >= 0 else -value * 2 - 1)

    def text(self, value: str) -> None:
        """Write a text in its shortest form."""
        form, packed = _pack_text(value)
        self.count(len(packed) << 2 | form)
        self._bytes += packed

    def to_bytes(self) -> bytes:
        """Return the bytes written so far."""
        return bytes(self._bytes)


class Unpacker:
    """Reader of the same values in the same order. Raises ValueError if there are none left."""

    def __init__(self, packed: bytes) -> None:
        """Start at the first byte."""
        self._bytes = packed
        self._at = 0

    def count(self) -> int:
        """Read a number from 0 on."""
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def offset(self) -> int:
        """Read a number that may be below 0."""
        value = self.count()
        return -(value + 1) // 2 if value & 1 else value // 2

    def text(self) -> str:
        """Read a text."""
        head = self.count()
        return _FORMS[head & 3](self._take(head >> 2))

    def _take(self, size: int) -> bytes:
        taken = self._bytes[self._at : self._at + size]
        if len(taken) < size:
            raise ValueError("cut short")
        self._at += size
        return taken


def _pack_text(text: str) -> tuple[int, bytes]:
    if text.startswith(_WAMID_START) and (packed := _from_wamid(text)) is not None:
        return _WAMID, packed
    if len(text) % 2 == 0 and _HEX_DIGITS.issuperset(text):
        return _HEX, bytes.fromhex(text)
    if len(text) % 8 == 0 and _BASE32_DIGITS.issuperset(text):
        # Python's own base32 is slow, and its digits differ from those of int().
        return _BASE32, int(text.translate(_AS_INT), 32).to_bytes(len(text) * 5 // 8)
    return _PLAIN, text.encode("utf-8", "surrogatepass")


def _from_wamid(text: str) -> bytes | None:
    """Return the bytes of a wamid, None if it could not be restored from them."""
    try:
        packed = binascii.a2b_base64(text.removeprefix(_WAMID_START))
    except ValueError:
        return None
    return packed if _FORMS[_WAMID](packed) == text else None


_FORMS: tuple[Callable[[bytes], str], ...] = (
    lambda packed: packed.decode("utf-8", "surrogatepass"),
    lambda packed: base64.b32encode(packed).decode().lower(),
    bytes.hex,
    lambda packed: _WAMID_START + binascii.b2a_base64(packed, newline=False).decode(),
)
