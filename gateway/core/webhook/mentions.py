"""Whether bytes that could not be read mention a message or a customer; pure."""

import re
from collections.abc import Callable, Set

from gateway.core.phone_numbers import contact_key

Mentions = Callable[[bytes], bool]

_PHONE = re.compile(rb"(?<![0-9])[0-9]{7,15}(?![0-9])")
_USER_ID = re.compile(rb"(?<![A-Za-z0-9])[A-Z]{2}\.[A-Za-z0-9.]{1,140}")


def of_message(wamid: str) -> Mentions:
    """Return whether bytes hold the id of a message, which is not the beginning of another."""
    pattern = re.compile(re.escape(wamid).encode() + rb"(?![A-Za-z0-9+/=])")
    # A slash may be escaped in JSON.
    return lambda body: bool(pattern.search(body.replace(rb"\/", b"/")))


def of_customer(names: Set[str]) -> Mentions:
    """Return whether bytes hold any name of a customer, a phone number in any of its forms."""

    def mentions(body: bytes) -> bool:
        phones = (contact_key(found.decode()) for found in _PHONE.findall(body))
        users = (found.decode() for found in _USER_ID.findall(body))
        return any(one in names for one in phones) or any(one in names for one in users)

    return mentions
