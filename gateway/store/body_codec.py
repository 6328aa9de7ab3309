"""Stored form of a body: a format byte, then compressed bytes, encrypted where keys are set.

| byte | what follows |
|---|---|
| 1 | zlib with dictionary 1; written until 2026-11, and read forever |
| 2 | id of the key (4 bytes), nonce (12 bytes), AES-GCM of a record of another format |
| 3 | CRC-32 of the body (4 bytes), zlib with dictionary 1 |
| 4 | as 3, of an answer of a service: a release that knows none leaves it to a newer one |

Zlib's own checksum, Adler-32, is weak for short bodies: it missed one flipped bit in 750,000.
"""

import hashlib
import os
import zlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DICTIONARY_1 = (
    b'"errors":[{"code":131026,"title":"Message undeliverable","message":"Message undeliverable",'
    b'"error_data":{"details":"Message Undeliverable."},"href":"https://developers.facebook.com/docs/'
    b'whatsapp/cloud-api/support/error-codes/"}]"unsupported""location":{"latitude":"longitude":'
    b'"document":{"filename":"application/pdf","sticker":{"mime_type":"image/webp","animated":false'
    b'"video":{"video/mp4","audio":{"mime_type":"audio/ogg; codecs=opus","voice":true},'
    b'"type":"audio""image":{"caption":"mime_type":"image/jpeg","sha256":"id":"url":"https://lookaside.fbsbx.com/'
    b'whatsapp_business/attachments/?mid="}"type":"image"}"reaction":{"message_id":"wamid."'
    b',"emoji":""context":{"from":"","id":"wamid."},"type":"interactive","interactive":{"type":'
    b'"list_reply","list_reply":{"id":"","title":"","description":""}}"type":"button_reply","button_reply":{"id":"'
    b'","title":"type":"button","button":{"payload":"","text":""}}"referral":{"source_url":"source_id":'
    b'"group_id":"recipient_type":"group""display_phone_number":"parent_user_id":"username":'
    b'"conversation":{"id":"","expiration_timestamp":"","origin":{"type":"service"}},"pricing":'
    b'{"billable":true,"pricing_model":"PMP","category":"marketing","type":"regular"}'
    b'"category":"utility","type":"free_customer_service"},"biz_opaque_callback_data":"'
    b'{"statuses":[{"id":"wamid.HBgM","status":"read","status":"delivered","status":"failed",'
    b'"status":"sent","timestamp":"17","recipient_id":"","recipient_user_id":"US.'
    b'{"object":"whatsapp_business_account","entry":[{"id":"10","changes":[{"value":{'
    b'"messaging_product":"whatsapp","metadata":{"display_phone_number":"1555","phone_number_id":"10'
    b'"},"contacts":[{"profile":{"name":""},"wa_id":"","user_id":"}],"messages":[{"from":"",'
    b'"from_user_id":"","id":"wamid.HBgMMTU1NTUVAgASGBQzQTYA","timestamp":"17","text":{"body":""},'
    b'"type":"text"}]},"field":"messages"}]}]}'
)


UNCHECKED, ENCRYPTED, CHECKED, NEWER = b"\x01", b"\x02", b"\x03", b"\x04"


class UnknownRecordError(Exception):
    """A stored record that this process cannot open; another may have what it lacks."""


class Bodies:
    """Packs and opens stored bodies; `keys` are 16 or 32 bytes each, newest first."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        """Prepare the ciphers once."""
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0]) if keys else None

    def pack(self, body: bytes, kind: bytes = CHECKED) -> bytes:
        """Return the record of `body`."""
        packer = zlib.compressobj(level=1, zdict=DICTIONARY_1)
        record = kind + _crc(body) + packer.compress(body) + packer.flush()
        if self._newest is None:
            return record
        nonce = os.urandom(12)
        sealed = self._ciphers[self._newest].encrypt(nonce, record, self._newest)
        return ENCRYPTED + self._newest + nonce + sealed

    def open(self, record: bytes) -> bytes:
        """Return the body of `record`. Raises UnknownRecordError."""
        if record[:1] == ENCRYPTED:
            record = self._decrypt(record[1:5], record[5:17], record[17:])
        kind, packed = record[:1], record[1:]
        if kind == UNCHECKED:
            return _decompress(packed)
        if kind not in (CHECKED, NEWER):
            raise UnknownRecordError(f"format {kind.hex() or 'none'}")
        body = _decompress(packed[4:])
        if _crc(body) != packed[:4]:
            raise UnknownRecordError("damaged")
        return body

    def _decrypt(self, key_id: bytes, nonce: bytes, sealed: bytes) -> bytes:
        if key_id not in self._ciphers:
            raise UnknownRecordError(f"key {key_id.hex()}")
        try:
            return self._ciphers[key_id].decrypt(nonce, sealed, key_id)
        except (InvalidTag, ValueError) as error:  # ValueError where even the nonce is cut short
            raise UnknownRecordError("damaged") from error


def _decompress(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(zdict=DICTIONARY_1)
    try:
        body = unpacker.decompress(packed) + unpacker.flush()
    except zlib.error as error:
        raise UnknownRecordError("damaged") from error
    if not unpacker.eof or unpacker.unused_data:
        raise UnknownRecordError("damaged")
    return body


def _crc(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:4]
