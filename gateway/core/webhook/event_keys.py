"""Keys of events and conversations.

The key of an event is a function of the bytes that Meta signed and of nothing else, because it
decides whether the event was seen before. The formats are frozen: a release that changes one
forgets what it has done.
"""

import re
from hashlib import sha256
from typing import Any

import orjson

from gateway.core.webhook.phone_numbers import normalize_phone

# Printable ASCII without space, "|" (which separates parts) and "~" (which marks a hashed one).
_PLAIN = re.compile(r"[!-{}]{0,512}")

_HEAD_BYTES = 4096
_NAMED = re.compile(
    rb'"(display_phone_number|phone_number_id|from|to|recipient_id|wa_id'
    rb'|user_id|from_user_id|recipient_user_id)"\s*+:\s*+"?+(?!null)'
    rb'([^\s"\\,{}\[\]][^"\\,{}\[\]]{0,160}+)[",}\]]'
)
_SHARED_CARDS = re.compile(rb'"phones"\s*:\s*\[[^\]]*')
_FIELD = re.compile(rb'"field"\s*+:\s*+"([^"]*+)"')
_STATUSES = re.compile(rb'"statuses"\s*+:')
_MESSAGES = re.compile(rb'"messages"\s*+:')
_OURS = (b"display_phone_number", b"phone_number_id")
_SPOKEN_WITH = (b"from", b"to", b"recipient_id")


def join(*parts: str) -> str:
    """Join the parts of a key so that different parts never give the same key."""
    return "|".join(
        part if _PLAIN.fullmatch(part) else f"~{sha256(_bytes(part)).hexdigest()}" for part in parts
    )


def of_content(kind: str, content: Any) -> str:
    """Return the key of an item without an id of its own, from its canonical JSON."""
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return of_bytes(kind, canonical)


def of_bytes(kind: str, body: bytes) -> str:
    """Return the key of an item that is known by its bytes only."""
    return join(kind, sha256(body).hexdigest())


def digest(key: str) -> bytes:
    """Return the 16 bytes that represent a key where space matters."""
    return sha256(_bytes(key)).digest()[:16]


def _bytes(text: str) -> bytes:
    # Keys from webhooks have no lone surrogates; one that an operator typed may.
    return text.encode(errors="surrogatepass")


def holds_only_statuses(body: bytes) -> bool:
    """Say whether a delivery holds nothing but statuses of our sends, without parsing it.

    A quotation mark within a text is escaped, so that no text looks like a list of Meta's.
    """
    if b'"statuses"' not in body or not _STATUSES.search(body) or _MESSAGES.search(body):
        return False
    return set(_FIELD.findall(body)) == {b"messages"}


def conversation_key(body: bytes) -> bytes:
    """Return the customer's key, from the first 4 KB and without parsing; b"" if none is named.

    It chooses a partition before the body is parsed. Deliveries that name one contact by the same
    phone number get the same key, whatever else they hold and in whatever order: a phone number
    wins over a user id, and the sender or recipient of a message over any other mention.
    """
    # A shared address book card names other people's numbers.
    head = _SHARED_CARDS.sub(b"", body[:_HEAD_BYTES])
    named = [(name, value.strip()) for name, value in _NAMED.findall(head)]
    # A reply's context and an echo are from our own number.
    ours = {re.sub(rb"\D", b"", value) for name, value in named if name in _OURS}
    people = [(name, value) for name, value in named if name not in _OURS and value not in ours]
    phones = [(name, value) for name, value in people if value.isdigit()]
    spoken_with = [value for name, value in phones if name in _SPOKEN_WITH]
    anyone = [value for _, value in phones or people]
    # A user id has only one form, and a stranger's bytes are compared as they are.
    return normalize_phone(next(iter(spoken_with or anyone), b"").decode("latin-1")).encode(
        "latin-1"
    )
