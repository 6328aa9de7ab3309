"""Places of events, "<partition>:<entry>/<item>", packed for the store of known events.

A packed place has about 9 bytes: 0x80 plus the partition, 6 bytes of milliseconds, then the
sequence and the item as varints (LEB128). A place that does not fit stays text, which begins with
a digit.
"""

import re

# "01:1-0/0" is another text than "1:1-0/0", and must be returned unchanged, so it stays text.
_EVENT_REF = re.compile(
    r"(0|[1-9]\d?):(0|[1-9]\d{0,14})-(0|[1-9]\d{0,19})/(0|[1-9]\d{0,9})", re.ASCII
)
_PACKED = 0x80
_MOST_PARTITIONS = 64
_MS_BYTES = 6


def pack(event_ref: str) -> bytes:
    """Return the packed form of a place."""
    match = _EVENT_REF.fullmatch(event_ref)
    if match:
        partition, ms, sequence, item = map(int, match.groups())
        if partition < _MOST_PARTITIONS and ms < 1 << 8 * _MS_BYTES:
            head = bytes([_PACKED + partition]) + ms.to_bytes(_MS_BYTES, "big")
            return head + _varint(sequence) + _varint(item)
    return event_ref.encode()


def unpack(stored: bytes) -> str:
    """Return the place that was packed, or that an older release wrote as text.

    Raises ValueError if it is neither.
    """
    if not stored or stored[0] < _PACKED:
        return stored.decode()
    ms = int.from_bytes(stored[1 : 1 + _MS_BYTES], "big")
    sequence, rest = _read_varint(stored[1 + _MS_BYTES :])
    item, _ = _read_varint(rest)
    return f"{stored[0] - _PACKED}:{ms}-{sequence}/{item}"


def _varint(number: int) -> bytes:
    """Write a number in groups of seven bits, the lowest first; the last is below 0x80."""
    groups = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _read_varint(stored: bytes) -> tuple[int, bytes]:
    """Read a number, and return it with the bytes that follow."""
    number = 0
    for at, group in enumerate(stored):
        number |= (group & 0x7F) << 7 * at
        if group < 0x80:
            return number, stored[at + 1 :]
    raise ValueError("a place ends within a number")
