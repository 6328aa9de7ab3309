"""Stored form of a delivery: its id says where and when, a header where it came from.

An entry of an inbox stream has two fields: `h`, the header `origin|secret|account`, and `b`, the
packed body (`store/body_codec.py`). A delivery's id is `partition:entry`.
"""

from gateway.core.events import Delivery
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import Bodies

HEADER, BODY = b"h", b"b"


def pack_header(origin: str, secret: str, account: str = "") -> bytes:
    """Return the header: who put the delivery in, and which secret its signature matched."""
    return f"{origin}|{secret}|{account}".encode()


def redacted_key(partition: int, entry: str) -> str:
    """Return the key of what is left of a delivery for others, once one customer was erased."""
    return f"{keys.partition(partition)}redacted:{entry}"


def mark_redacted(header: bytes) -> bytes:
    """Return the header of what is left of a delivery: no signature is of these bytes."""
    return b"redacted|" + header.partition(b"|")[2]


def is_internal(header: bytes) -> bool:
    """Say whether the gateway put the delivery in itself."""
    return header.startswith(b"internal|")


def read_delivery(delivery_id: str, header: bytes, body: bytes, bodies: Bodies) -> Delivery:
    """Open a stored delivery. Raises UnknownRecordError for a body that cannot be opened here."""
    origin, secret, account = header.decode().split("|", 2)
    received_ms = delivery_id.partition(":")[2].partition("-")[0]
    return Delivery(
        delivery_id, datetime_from_ms(received_ms), bodies.open(body), account, secret, origin
    )
