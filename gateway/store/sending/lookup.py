"""Sends as a trace sees them: their rows, and where each of them waits or has ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.event_keys import join
from gateway.core.sending.dead_letter import moment
from gateway.core.sending.pauses import Stops, stored
from gateway.core.sending.send import RUNGS
from gateway.store import keys
from gateway.store.body_encryption import Bodies
from gateway.store.inbox.lookup import known
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.sending.send_rows import SendRow


@dataclass(frozen=True, slots=True)
class Member:
    """How far a message to a group got with one participant; `code` is Meta's, where it failed."""

    name: str = field(repr=False)
    stage: str
    at: datetime
    code: int | None = None


def member(name: str, row: str) -> Member:
    """Read a row of the members of a send."""
    _, stage, at, code = row.split(" ", 3)
    return Member(name, stage, moment(at), int(code) if code else None)


Note = Mapping[str, Any]
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A status of a send: its stage, for which attempt, Meta's moment, and when it was kept."""

    stage: str
    attempt: str
    at: datetime
    kept_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SendState:
    """Where a send waits or has ended; all None where it does neither."""

    due_at: datetime | None = None
    unconfirmed_till: datetime | None = None
    dead_at: datetime | None = None
    ahead: int | None = None  # sends before it in its lane
    lane_at: datetime | None = None  # when its lane may next be worked
    parked_till: datetime | None = None  # it waits until its customer writes
    is_held: bool = False  # its rule is, by a person
    stops: Stops = field(default_factory=Stops)  # what keeps its number from sending
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class TracedSend:
    """A send as it is stored; its stage is "" where it is forgotten."""

    id: str
    stage: str = ""
    rule: str = ""
    record: str = ""
    rank: str = ""
    wamid: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    planned_at: datetime | None = None
    attempts: int = 0
    began: Mapping[int, datetime] = field(default_factory=dict)  # when each attempt began
    notes: Mapping[int, Note] = field(default_factory=dict)
    messages: Mapping[int, str] = field(default_factory=dict)  # what earlier attempts became
    ended: Mapping[int, Note] = field(default_factory=dict)  # why it ended before a redrive
    statuses: tuple[StatusEntry, ...] = ()
    error: Note = field(default_factory=dict)
    pricing: Note = field(default_factory=dict)
    is_final: bool = False
    has_text: bool = True  # what was to be sent is kept still
    standing: SendState = SendState()


def ask(store: Store, *commands: Sequence[Any]) -> list[Any]:
    """Run plain commands in one round trip. Raises StoreUnavailableError or ScriptError."""

    def run(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(pipe.execute())

    return store.run(run) if commands else []


def read(store: Store, bodies: Bodies, number: str, ids: Sequence[str]) -> list[TracedSend]:
    """Return sends by their ids, in a few round trips. Raises StoreUnavailableError."""
    found = send_rows.read(store, bodies, number, ids)
    standings = _standings(store, keys.number(number), found)
    known = _kept_at(store, number, [one.fields for one in found])
    return [
        _sent(one.id, one.fields, standing, known) if one.fields else TracedSend(one.id)
        for one, standing in zip(found, standings, strict=True)
    ]


def _standings(store: Store, prefix: str, sends: Sequence[SendRow]) -> list[SendState]:
    commands: list[Sequence[Any]] = []
    for send in sends:
        one, row = send.id, send.fields
        rank, lane = row.get("rank", ""), row.get("lane", "")
        commands += [
            ("ZSCORE", f"{prefix}due", one),
            ("ZSCORE", f"{prefix}unconfirmed", one),
            ("ZSCORE", f"{prefix}dead", f"send:{one}"),
            ("ZRANK", f"{prefix}lane:{rank}:{lane}", one),
            ("ZSCORE", f"{prefix}ready:{rank}", lane),
            ("ZSCORE", f"{prefix}parked", one),
            ("ZSCORE", f"{prefix}held:{row.get('rule', '')}", one),
            ("HGETALL", f"{prefix}stops"),
            ("HGETALL", f"{prefix}members:{one}"),
        ]
    found = ask(store, *commands)
    each = len(commands) // len(sends) if sends else 1
    return [
        _standing(send.members, *found[i * each : (i + 1) * each]) for i, send in enumerate(sends)
    ]


def _standing(compacted: Row, *found: Any) -> SendState:
    due, unconfirmed, dead, ahead, ready, parked, held, stops, members = found
    since = {name.decode(): told.decode() for name, told in members.items()}
    participants = sorted(({**compacted, **since}).items())
    return SendState(
        due_at=_moment(due),
        unconfirmed_till=_moment(unconfirmed),
        dead_at=_moment(dead),
        ahead=ahead,
        lane_at=_moment(ready) if ahead is not None else None,
        parked_till=_moment(parked),
        is_held=held is not None,
        stops=stored(stops),
        members=tuple(member(name, told) for name, told in participants),
    )


def _kept_at(store: Store, number: str, rows: Sequence[Row]) -> dict[tuple[str, str], datetime]:
    """Return when statuses were kept, by wamid and stage, as far as they are still known."""
    asked = [
        (wamid, stage)
        for row in rows
        for stage, attempt in (_status(name) for name in row if name.startswith("at:"))
        if (wamid := _wamid(row, attempt))
    ]
    places = known(store, number, [join("status", number, *one) for one in asked])
    return {
        one: moment(place.partition(":")[2].partition("-")[0])
        for one, place in zip(asked, places, strict=True)
        if place
    }


def _sent(
    name: str, row: Row, standing: SendState, kept_at: Mapping[tuple[str, str], datetime]
) -> TracedSend:
    told = orjson.loads(row["row"])
    statuses = [
        StatusEntry(stage, attempt, moment(row[field]), kept_at.get((_wamid(row, attempt), stage)))
        for field in row
        if field.startswith("at:")
        for stage, attempt in [_status(field)]
    ]
    return TracedSend(
        id=name,
        stage=row["stage"],
        rule=told["rule"],
        record=told["record"],
        rank=row["rank"],
        wamid=row.get("wamid", ""),
        body=told.get("body", {}),
        planned_at=_moment(row["planned"]),
        attempts=int(row["attempts"]),
        began={n: moment(at) for n, at in _numbered(row, "began")},
        notes={n: _note(text) for n, text in _numbered(row, "attempt")},
        messages=dict(_numbered(row, "wamid")),
        ended={n: _note(text) for n, text in _numbered(row, "ended")},
        statuses=tuple(sorted(statuses, key=lambda one: (one.at, RUNGS.get(one.stage, 0)))),
        error=_note(row.get("error", "{}")),
        pricing=_note(row.get("pricing", "{}")),
        is_final="final" in row,
        has_text="body" in told,
        standing=standing,
    )


def _numbered(row: Row, name: str) -> Iterator[tuple[int, str]]:
    """Give what is stored of each attempt under a name."""
    for field_, value in row.items():
        if field_.startswith(f"{name}:"):
            yield int(field_.removeprefix(f"{name}:")), value


def _wamid(row: Row, attempt: str) -> str:
    """Return the message that an attempt became, as far as is known."""
    return row.get(f"wamid:{attempt}") or row.get("wamid", "")


def _status(field: str) -> tuple[str, str]:
    _, stage, attempt = field.split(":", 2)
    return stage, attempt


def _note(text: str) -> Note:
    """Read what was noted; a note that is no object is shown as it is."""
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        told = text
    return told if isinstance(told, dict) else {"outcome": str(told)}


def _moment(milliseconds: Any) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)
