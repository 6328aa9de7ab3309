"""Person: a customer by all their names, found in what is stored; pure."""

import base64
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gateway.core.webhook.damaged import customer_matcher
from gateway.core.webhook.phone_numbers import contact_key, other_form

# Meta's ids of messages hold the customer's phone number.
_WAMID = re.compile(rb"wamid\.([A-Za-z0-9+/]{8,}={0,2})")
_SCALARS = (str, int)


@dataclass(frozen=True, slots=True)
class Person:
    """A customer by the keys under which any of our numbers knows them."""

    names: frozenset[str] = field(repr=False)

    def is_named(self, name: str) -> bool:
        """Say whether a phone number in any form, or a user id, is theirs."""
        return contact_key(name.removeprefix("+")) in self.names

    def has(self, item: Any) -> bool:
        """Say whether a webhook's item, or another object, is about them: a field names them.

        Only its own fields count: one that quotes or mentions them is somebody else's.
        """
        if not isinstance(item, Mapping):
            return False
        own = any(self.is_named(str(one)) for one in item.values() if type(one) in _SCALARS)
        # One level below is the customer of an entry of the business's own address book, and the
        # user id to which a client of the API sends.
        return own or self.has(item.get("contact")) or self.has(item.get("to"))

    def is_mentioned(self, content: bytes) -> bool:
        """Say whether one of their names is anywhere in bytes, also within Meta's ids."""
        if not any(one in content for one in _needles(self.names)):
            return False  # as nearly everything is; to look closer costs twenty times as much
        return is_mentioned(self.names, content)


def is_mentioned(names: Set[str], content: bytes) -> bool:
    """Say whether one of these names is anywhere in bytes, also within Meta's ids of messages."""
    mentions = customer_matcher(names)
    if mentions(content):
        return True
    ids = _WAMID.findall(content.replace(rb"\/", b"/"))
    return any(mentions(_decode(one)) for one in ids)


@lru_cache(maxsize=64)
def _needles(names: frozenset[str]) -> tuple[bytes, ...]:
    """Return bytes of which at least one is in all that mentions one of these names."""
    forms = {*names, *map(other_form, names)} - {""}
    plain = {one.encode() for one in forms}
    return (*plain, *(part for one in plain for part in _encoded_parts(one)))


def _encoded_parts(name: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of a name at each of its three offsets, without its neighbours."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + name)
        first, last = (offset * 8 + 5) // 6, (offset + len(name)) * 8 // 6
        yield encoded[first:last]


def _decode(encoded: bytes) -> bytes:
    whole = encoded.rstrip(b"=")
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))
