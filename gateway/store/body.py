"""How a body is stored: a format byte, then compressed bytes, encrypted where keys are set.

| byte | what follows |
|---|---|
| 1 | zlib with dictionary 1 |
| 2 | id of the key (4 bytes), nonce (12 bytes), AES-GCM of a record of format 1 |
"""

import hashlib
import os
import zlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.store.dictionary import ONE

PLAIN, ENCRYPTED = b"\x01", b"\x02"


class UnknownRecordError(Exception):
    """A stored record cannot be opened by this process; another one may have what it lacks."""


class Bodies:
    """Packs and opens stored bodies; `keys` are 16 or 32 bytes each, newest first."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        """Prepare the ciphers once."""
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0]) if keys else None

    def pack(self, body: bytes) -> bytes:
        """Return the record of `body`."""
        packer = zlib.compressobj(level=1, zdict=ONE)
        record = PLAIN + packer.compress(body) + packer.flush()
        if self._newest is None:
            return record
        nonce = os.urandom(12)
        sealed = self._ciphers[self._newest].encrypt(nonce, record, self._newest)
        return ENCRYPTED + self._newest + nonce + sealed

    def open(self, record: bytes) -> bytes:
        """Return the body of `record`. Raises UnknownRecordError."""
        if record[:1] == ENCRYPTED:
            record = self._decrypted(record[1:5], record[5:17], record[17:])
        if record[:1] != PLAIN:
            raise UnknownRecordError(f"format {record[:1].hex() or 'none'}")
        unpacker = zlib.decompressobj(zdict=ONE)
        try:
            body = unpacker.decompress(record[1:]) + unpacker.flush()
        except zlib.error as error:
            raise UnknownRecordError("damaged") from error
        if not unpacker.eof or unpacker.unused_data:
            raise UnknownRecordError("damaged")
        return body

    def _decrypted(self, key_id: bytes, nonce: bytes, sealed: bytes) -> bytes:
        if key_id not in self._ciphers:
            raise UnknownRecordError(f"key {key_id.hex()}")
        try:
            return self._ciphers[key_id].decrypt(nonce, sealed, key_id)
        except (InvalidTag, ValueError) as error:  # ValueError where even the nonce is cut
            raise UnknownRecordError("damaged") from error


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:4]
