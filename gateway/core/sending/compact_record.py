"""What is left of a send that is over, and how its row is made again from it; pure.

A row becomes three things. The *record* holds what a trace needs for a month: ids, stages with
their moments, the code of its error. The *text* holds all else and lives for as long as deliveries
do. The *head* stands in the index beside the place of both, where a script can read it and write
behind it what Meta tells later (`done.lua` knows its form).
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import orjson

from gateway.core.sending.send import BULK, REPLY, RUNGS
from gateway.core.storage.packing import Packer, Unpacker

Row = Mapping[str, str]

VERSION = 1
# A record holds the place of its stage here: new ones go to the end.
STAGES = (*RUNGS, "dead", "expired", "dropped", "parked", "redriven")
_IS_BULK, _IS_FINAL, _HAS_WAMID = 1, 2, 4
_HEAD = struct.Struct(">BBH6s")
_PLACE_OF = {stage: place for place, stage in enumerate(STAGES)}
_PLACE = 8
_NEWS = struct.Struct(">BH6s")
_STAGE_OF = {rung: stage for stage, rung in RUNGS.items()}
# Of an error the record keeps by what a dead letter is sorted; what Meta said is in the text.
_OF_ERROR = ("code", "gave_up_after")
# What the record gives back, or what says something only while a send is on its way.
_IN_RECORD = frozenset(
    {"stage", "rung", "attempts", "lane", "rank", "planned", "expires", "first", "wamid", "rule",
     "final", "redriven", "repeatable", "row", "call", "attempting_at"}
)  # fmt: skip


class UnknownFormError(ValueError):
    """A record was written in a form that this release does not know."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What a row becomes."""

    record: bytes
    text: bytes = field(repr=False)  # not yet compressed
    head: bytes
    wamids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LateNews:
    """What Meta told of a send after its row had gone."""

    stage: str
    attempt: int
    at_ms: int


def pack(name: str, row: Row, members: Row) -> Packed:
    """Return what is left of a send that is over; raises KeyError, ValueError of an odd row."""
    wamids, statuses, rest = [], [], {}
    for key, value in row.items():
        if key.startswith("at:"):
            statuses.append((key, value))
        elif key.startswith("wamid"):
            wamids.append((key, value))
        elif key not in _IN_RECORD:
            rest[key] = value
    planned = orjson.loads(row["row"])
    record = _record(name, row, planned, statuses, wamids)
    unique = tuple(dict.fromkeys(wamid for _, wamid in wamids))
    return Packed(record, _text(rest, planned, members), _head(row), unique)


def row_of(record: bytes) -> tuple[str, dict[str, str]]:
    """Return the id and the row that a record tells of. Raises UnknownFormError."""
    told = Unpacker(record)
    if told.count() != VERSION:
        raise UnknownFormError(f"form {record[0]}")
    name, planned = told.text(), told.count()
    flags, stage = told.count(), STAGES[told.count()]
    row = {"stage": stage, "rung": str(RUNGS.get(stage, RUNGS["accepted"]))}
    row |= {"rank": BULK if flags & _IS_BULK else REPLY, "planned": str(planned)}
    row |= {"final": "1"} if flags & _IS_FINAL else {}
    row |= {"repeatable": "0", "closed": "", "attempts": str(told.count())}
    row |= {"expires": str(planned + told.offset()), "lane": told.text(), "rule": told.text()}
    row["row"] = orjson.dumps({"rule": row["rule"], "record": told.text()}).decode()
    if redriven := told.count():
        row["redriven"] = str(redriven)
    row |= _unpacked_moments(told, planned, row["attempts"])
    for _ in range(told.count()):
        attempt, wamid = told.count(), told.text()
        row[f"wamid:{attempt}" if attempt else "wamid"] = wamid
    error = told.text()
    return name, row | ({"error": error} if error else {})


def whole(row: Row, text: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the row and the members with what the text holds besides."""
    told = orjson.loads(text)
    members: dict[str, str] = told.pop("members", {})
    planned = orjson.loads(row["row"]) | told.pop("row")
    return {**row, **told, "row": orjson.dumps(planned).decode()}, members


def spot_of(kind: str, name: str) -> bytes:
    """Return where the index has a send ("s") or a wamid ("w"), as `done.lua` finds it."""
    return sha1((kind + name).encode(), usedforsecurity=False).digest()[:12]


def news_of(value: bytes) -> list[LateNews]:
    """Return what was told since, as the index holds it, in the order in which it came."""
    rest = value[_PLACE + _HEAD.size :]
    told = (_NEWS.unpack_from(rest, at) for at in range(0, len(rest), _NEWS.size))
    return [LateNews(_STAGE_OF[rung], attempt, int.from_bytes(at)) for rung, attempt, at in told]


def rung_of(value: bytes) -> int:
    """Return how far a send got, with what was told since."""
    return value[_PLACE + 1]


def with_news(row: Row, value: bytes, *, without: str = "") -> dict[str, str]:
    """Return the row with what was told since; but for a stage of which it is decided apart."""
    raised = dict(row)
    reached = [rung_of(value)]  # of which the news may have found no room
    for one in news_of(value):
        if one.stage != without:
            raised.setdefault(f"at:{one.stage}:{one.attempt or ''}", str(one.at_ms))
            reached.append(RUNGS[one.stage])
    if "final" in row:
        return raised
    obeyed = [rung for rung in reached if rung <= reached[0] and _STAGE_OF[rung] != without]
    highest = max([int(row["rung"]), *obeyed])
    if highest > int(row["rung"]):
        raised |= {"stage": _STAGE_OF[highest], "rung": str(highest)}
    return raised


def _head(row: Row) -> bytes:
    flags = (row["rank"] == BULK) * _IS_BULK | ("final" in row) * _IS_FINAL
    flags |= ("wamid" in row) * _HAS_WAMID
    attempts = int(row["attempts"])
    began = int(row.get(f"began:{attempts}", row.get("first", "0")))
    return _HEAD.pack(flags, int(row["rung"]), attempts, began.to_bytes(6))


def _record(
    name: str,
    row: Row,
    planned: Mapping[str, Any],
    statuses: Sequence[tuple[str, str]],
    wamids: Sequence[tuple[str, str]],
) -> bytes:
    told, at = Packer(), int(row["planned"])
    told.count(VERSION)
    told.text(name)
    told.count(at)
    told.count((row["rank"] == BULK) * _IS_BULK | ("final" in row) * _IS_FINAL)
    told.count(_PLACE_OF[row["stage"]])
    told.count(int(row["attempts"]))
    told.offset(int(row["expires"]) - at)
    for text in (row["lane"], planned.get("rule", ""), planned.get("record", "")):
        told.text(text)
    told.count(int(row.get("redriven", 0)))
    _pack_moments(told, row, at, statuses)
    told.count(len(wamids))
    for key, wamid in wamids:
        told.count(int(key.partition(":")[2] or 0))
        told.text(wamid)
    told.text(_error(row))
    return told.done()


def _pack_moments(
    told: Packer, row: Row, planned: int, statuses: Sequence[tuple[str, str]]
) -> None:
    """Write when the first and the latest attempt began, and what statuses told."""
    for name in ("first", f"began:{row['attempts']}"):
        told.offset(int(row.get(name, planned)) - planned)
    told.count(len(statuses))
    for key, at in statuses:
        _, stage, attempt = key.split(":", 2)
        told.count(_PLACE_OF[stage])
        told.count(int(attempt) + 1 if attempt else 0)
        told.offset(int(float(at)) - planned)


def _unpacked_moments(told: Unpacker, planned: int, attempts: str) -> dict[str, str]:
    begun = {name: str(planned + told.offset()) for name in ("first", f"began:{attempts}")}
    # Not by the offset: an attempt may begin within the millisecond of its planning.
    moments = begun if attempts != "0" else {}
    for _ in range(told.count()):
        stage, attempt = STAGES[told.count()], told.count()
        moments[f"at:{stage}:{attempt - 1 if attempt else ''}"] = str(planned + told.offset())
    return moments


def _text(rest: Row, planned: Mapping[str, Any], members: Row) -> bytes:
    about = {key: planned[key] for key in planned if key not in ("rule", "record")}
    told = {**rest, "row": about, **({"members": dict(members)} if members else {})}
    return orjson.dumps(told)


def _error(row: Row) -> str:
    """Return the error of a send that ended; "" for one that did not."""
    if "error" not in row:
        return ""
    error = orjson.loads(row["error"])
    kept = {name: error[name] for name in _OF_ERROR if name in error}
    return orjson.dumps(kept or {"reason": str(error.get("reason", ""))[:80]}).decode()
