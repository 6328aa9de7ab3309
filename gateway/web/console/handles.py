"""Handles of customers: names in addresses that tell nothing to who reads the address only."""

import base64
import binascii
from hashlib import sha512

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from gateway.web.console.page import ROOT, not_found


def write_handle(secret: bytes, number: str, contact: str) -> str:
    """Return the handle of a contact of a number, the same each time."""
    encrypted = _cipher(secret).encrypt(contact.encode(), [number.encode()])
    return base64.urlsafe_b64encode(encrypted).rstrip(b"=").decode()


def read_handle(secret: bytes, number: str, handle: str) -> str:
    """Return the contact of a handle. Raises PageError for one that this gateway did not write."""
    try:
        encrypted = base64.urlsafe_b64decode(handle.encode("ascii") + b"==")
        return _cipher(secret).decrypt(encrypted, [number.encode()]).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise not_found("There is no such conversation.") from None


def conversation_address(secret: bytes, number: str, contact: str) -> str:
    """Return the address of the page of a conversation."""
    return f"{ROOT}/conversations/{number or '-'}/{write_handle(secret, number, contact)}"


def _cipher(secret: bytes) -> AESSIV:
    return AESSIV(sha512(b"console " + secret).digest())
