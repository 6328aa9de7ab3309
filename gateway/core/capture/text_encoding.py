"""Encodings of text files, and their text as UTF-8."""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

_UTF_8 = "utf-8"
# The marks of UTF-32 come first: the one of UTF-16 begins like one of them.
_MARKS = (
    (codecs.BOM_UTF8, _UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Captured text begins with an ASCII character, so its zero bytes show the encoding.
_ZEROS: Mapping[tuple[bool, ...], str] = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}


def detect_encoding(head: bytes) -> str:
    """Return Python's name of the encoding of a file, from its first 4 bytes or more."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    return _ZEROS.get(tuple(not byte for byte in head[:4]), _UTF_8)


def to_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text of a file that is read in chunks as UTF-8, without a byte order mark.

    Bytes of a file that is no UTF-16 and no UTF-32 stay as they are, whether or not they are UTF-8.
    Raises UnicodeDecodeError.
    """
    rest = iter(chunks)
    head = next(rest, b"")
    encoding = detect_encoding(head)
    if encoding == _UTF_8:
        yield head.removeprefix(codecs.BOM_UTF8)
        yield from rest
        return
    decode = codecs.getincrementaldecoder(encoding)().decode
    for chunk in chain([head], rest):
        yield decode(chunk).encode()
    decode(b"", True)
