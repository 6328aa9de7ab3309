"""Cursor of a list: where the next page begins, signed so that it fits no other list; pure."""

import base64
import hmac
from binascii import Error as EncodingError
from dataclasses import dataclass
from hashlib import sha256

import orjson

_MAC_BYTES = 16
MOST_CHARACTERS = 1024  # a template's name may have 512


@dataclass(frozen=True, slots=True, order=True)
class ListPlace:
    """Place in a list of all numbers: the moment in ms, its order within it, and the number."""

    ms: int
    nth: int = 0
    number: str = ""


class CursorMismatchError(Exception):
    """The cursor belongs to another list, to other filters, or is no cursor of ours."""


def write_cursor(secret: bytes, scope: str, place: ListPlace) -> str:
    """Return the cursor of a place; `scope` names the list, its filters and who may see it."""
    return _seal(secret, scope, orjson.dumps([place.ms, place.nth, place.number]))


def read_cursor(secret: bytes, scope: str, cursor: str) -> ListPlace:
    """Return the place of a cursor. Raises CursorMismatchError."""
    return ListPlace(*orjson.loads(_open(secret, scope, cursor)))


def write_name_cursor(secret: bytes, scope: str, name: str) -> str:
    """Return the cursor of a name in a list by name; `scope` as in `write_cursor`."""
    return _seal(secret, scope, name.encode())


def read_name_cursor(secret: bytes, scope: str, cursor: str) -> str:
    """Return the name of a cursor. Raises CursorMismatchError."""
    return _open(secret, scope, cursor).decode()


def _seal(secret: bytes, scope: str, text: bytes) -> str:
    signed = _sign(secret, scope, text) + text
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _open(secret: bytes, scope: str, cursor: str) -> bytes:
    """Return the text of a cursor. Raises CursorMismatchError."""
    if not cursor.isascii() or len(cursor) > MOST_CHARACTERS:
        raise CursorMismatchError
    try:
        signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except EncodingError:
        raise CursorMismatchError from None
    mac, text = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _sign(secret, scope, text)):
        raise CursorMismatchError
    return text


def _sign(secret: bytes, scope: str, text: bytes) -> bytes:
    # Length first, so that no scope can imitate the beginning of a place.
    message = f"{len(scope)}|{scope}|".encode("utf-8", "surrogatepass") + text
    return hmac.digest(secret, message, sha256)[:_MAC_BYTES]
