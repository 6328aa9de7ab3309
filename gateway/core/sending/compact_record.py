"""Compact form of a send that is over, and how its row is restored from it.

A row becomes three things. The *record* holds what a trace needs for a month: ids, stages with
their moments, the code of its error. The *text* holds all else and lives for as long as deliveries
do. The *head* is in the index beside the location of both; a script can read it there and append
the statuses that Meta reports later (`compact_records.lua` knows its form).
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import orjson

from gateway.core.sending.send import BULK, NOTICE, REPLY, STATUS_RANK
from gateway.core.storage.binary_fields import Packer, Unpacker

Row = Mapping[str, str]

VERSION = 1
# A record holds the index of its stage in this list: new stages go to the end.
STAGES = (*STATUS_RANK, "dead", "expired", "dropped", "parked", "redriven", "cancelled")
IS_BULK, IS_FINAL, HAS_WAMID, IS_NOTICE = 1, 2, 4, 8
_HEAD = struct.Struct(">BBH6s")
_STAGE_INDEX = {stage: place for place, stage in enumerate(STAGES)}
_LOCATION_BYTES = 8
_LATE_STATUS = struct.Struct(">BH6s")
_STAGE_OF = {rank: stage for stage, rank in STATUS_RANK.items()}
# Parts of an error by which dead letters are sorted; Meta's words are in the text.
_OF_ERROR = ("code", "gave_up_after")
# Fields that the record restores, or that matter only while a send is on its way.
_IN_RECORD = frozenset(
    {"stage", "rung", "attempts", "lane", "rank", "planned", "expires", "first", "wamid", "rule",
     "final", "redriven", "repeatable", "row", "call", "attempting_at"}
)  # fmt: skip


class UnknownFormError(ValueError):
    """A record was written in a form that this release does not know."""


@dataclass(frozen=True, slots=True)
class CompactedSend:
    """The parts that a row becomes."""

    record: bytes
    text: bytes = field(repr=False)  # not yet compressed
    head: bytes
    wamids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LateStatus:
    """A status of a send that Meta reported after its row was compacted."""

    stage: str
    attempt: int
    at_ms: int


def pack(name: str, row: Row, members: Row) -> CompactedSend:
    """Return the compact form of a send that is over; KeyError or ValueError for an odd row."""
    wamids, statuses, rest = [], [], {}
    for key, value in row.items():
        if key.startswith("at:"):
            statuses.append((key, value))
        elif key.startswith("wamid"):
            wamids.append((key, value))
        elif key not in _IN_RECORD:
            rest[key] = value
    planned = orjson.loads(row["row"])
    record = _encode_record(name, row, planned, statuses, wamids)
    unique = tuple(dict.fromkeys(wamid for _, wamid in wamids))
    return CompactedSend(record, _encode_text(rest, planned, members), _encode_head(row), unique)


def read_row(record: bytes) -> tuple[str, dict[str, str]]:
    """Return the id and the row from a record. Raises UnknownFormError."""
    unpacker = Unpacker(record)
    if unpacker.count() != VERSION:
        raise UnknownFormError(f"form {record[0]}")
    name, planned = unpacker.text(), unpacker.count()
    flags, stage = unpacker.count(), STAGES[unpacker.count()]
    row = {"stage": stage, "rung": str(STATUS_RANK.get(stage, STATUS_RANK["accepted"]))}
    row |= {"rank": _priority_of(flags), "planned": str(planned)}
    row |= {"final": "1"} if flags & IS_FINAL else {}
    row |= {"repeatable": "0", "closed": "", "attempts": str(unpacker.count())}
    row |= {
        "expires": str(planned + unpacker.offset()),
        "lane": unpacker.text(),
        "rule": unpacker.text(),
    }
    row["row"] = orjson.dumps({"rule": row["rule"], "record": unpacker.text()}).decode()
    if redriven := unpacker.count():
        row["redriven"] = str(redriven)
    row |= _unpack_moments(unpacker, planned, row["attempts"])
    for _ in range(unpacker.count()):
        attempt, wamid = unpacker.count(), unpacker.text()
        row[f"wamid:{attempt}" if attempt else "wamid"] = wamid
    error = unpacker.text()
    return name, row | ({"error": error} if error else {})


def restore_row(row: Row, text: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the row with the fields of the text added, and the members."""
    fields = orjson.loads(text)
    members: dict[str, str] = fields.pop("members", {})
    planned = orjson.loads(row["row"]) | fields.pop("row")
    return {**row, **fields, "row": orjson.dumps(planned).decode()}, members


def packed_name(name: str) -> bytes:
    """Return the bytes that stand in the record of each send in the lane of this name."""
    packer = Packer()
    packer.text(name)
    return packer.to_bytes()


def index_slot(kind: str, name: str) -> bytes:
    """Return the slot of a send ("s") or a wamid ("w") in the index, as the scripts find it."""
    return sha1((kind + name).encode(), usedforsecurity=False).digest()[:12]


def late_statuses(value: bytes) -> list[LateStatus]:
    """Return the late statuses that the index holds, in the order of their arrival."""
    rest = value[_LOCATION_BYTES + _HEAD.size :]
    entries = (_LATE_STATUS.unpack_from(rest, at) for at in range(0, len(rest), _LATE_STATUS.size))
    return [
        LateStatus(_STAGE_OF[status_rank], attempt, int.from_bytes(at))
        for status_rank, attempt, at in entries
    ]


def status_rank_of(value: bytes) -> int:
    """Return the status rank of a send, late statuses included."""
    return value[_LOCATION_BYTES + 1]


def with_late_statuses(row: Row, value: bytes, *, without: str = "") -> dict[str, str]:
    """Return the row with its late statuses; the stage `without` is decided elsewhere."""
    raised = dict(row)
    ranks = [status_rank_of(value)]  # its status may have found no room
    for one in late_statuses(value):
        if one.stage != without:
            raised.setdefault(f"at:{one.stage}:{one.attempt or ''}", str(one.at_ms))
            ranks.append(STATUS_RANK[one.stage])
    if "final" in row:
        return raised
    obeyed = [
        status_rank
        for status_rank in ranks
        if status_rank <= ranks[0] and _STAGE_OF[status_rank] != without
    ]
    highest = max([int(row["rung"]), *obeyed])
    if highest > int(row["rung"]):
        raised |= {"stage": _STAGE_OF[highest], "rung": str(highest)}
    return raised


def _priority_of(flags: int) -> str:
    if flags & IS_BULK:
        return BULK
    return NOTICE if flags & IS_NOTICE else REPLY


def _encode_flags(row: Row) -> int:
    # A release without notices reads the flags of one as those of a reply.
    priority = {BULK: IS_BULK, NOTICE: IS_NOTICE}.get(row["rank"], 0)
    return priority | ("final" in row) * IS_FINAL


def _encode_head(row: Row) -> bytes:
    flags = _encode_flags(row) | ("wamid" in row) * HAS_WAMID
    attempts = int(row["attempts"])
    began = int(row.get(f"began:{attempts}", row.get("first", "0")))
    return _HEAD.pack(flags, int(row["rung"]), attempts, began.to_bytes(6))


def _encode_record(
    name: str,
    row: Row,
    planned: Mapping[str, Any],
    statuses: Sequence[tuple[str, str]],
    wamids: Sequence[tuple[str, str]],
) -> bytes:
    packer, at = Packer(), int(row["planned"])
    packer.count(VERSION)
    packer.text(name)
    packer.count(at)
    packer.count(_encode_flags(row))
    packer.count(_STAGE_INDEX[row["stage"]])
    packer.count(int(row["attempts"]))
    packer.offset(int(row["expires"]) - at)
    for text in (row["lane"], planned.get("rule", ""), planned.get("record", "")):
        packer.text(text)
    packer.count(int(row.get("redriven", 0)))
    _pack_moments(packer, row, at, statuses)
    packer.count(len(wamids))
    for key, wamid in wamids:
        packer.count(int(key.partition(":")[2] or 0))
        packer.text(wamid)
    packer.text(_encode_error(row))
    return packer.to_bytes()


def _pack_moments(
    packer: Packer, row: Row, planned: int, statuses: Sequence[tuple[str, str]]
) -> None:
    """Write when the first and the latest attempt began, and the times of statuses."""
    for name in ("first", f"began:{row['attempts']}"):
        packer.offset(int(row.get(name, planned)) - planned)
    packer.count(len(statuses))
    for key, at in statuses:
        _, stage, attempt = key.split(":", 2)
        packer.count(_STAGE_INDEX[stage])
        packer.count(int(attempt) + 1 if attempt else 0)
        packer.offset(int(float(at)) - planned)


def _unpack_moments(unpacker: Unpacker, planned: int, attempts: str) -> dict[str, str]:
    begun = {name: str(planned + unpacker.offset()) for name in ("first", f"began:{attempts}")}
    # Not decided by the offset: an attempt may begin within the millisecond of its planning.
    moments = begun if attempts != "0" else {}
    for _ in range(unpacker.count()):
        stage, attempt = STAGES[unpacker.count()], unpacker.count()
        moments[f"at:{stage}:{attempt - 1 if attempt else ''}"] = str(planned + unpacker.offset())
    return moments


def _encode_text(rest: Row, planned: Mapping[str, Any], members: Row) -> bytes:
    about = {key: planned[key] for key in planned if key not in ("rule", "record")}
    fields = {**rest, "row": about, **({"members": dict(members)} if members else {})}
    return orjson.dumps(fields)


def _encode_error(row: Row) -> str:
    """Return the error of a send, shortened; "" if it has none."""
    if "error" not in row:
        return ""
    error = orjson.loads(row["error"])
    kept = {name: error[name] for name in _OF_ERROR if name in error}
    return orjson.dumps(kept or {"reason": str(error.get("reason", ""))[:80]}).decode()
