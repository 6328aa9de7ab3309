"""Send lookup for traces: the rows of sends, and where each of them waits or has ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from redis.exceptions import RedisError

from gateway.core.sending.send import STATUS_RANK
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.event_keys import join
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.lookup import find_event_refs
from gateway.store.redis.client import Store, StoreUnavailableError, translate_error
from gateway.store.sending import send_rows
from gateway.store.sending.send_rows import SendRow
from gateway.store.sending.send_states import SendState, moment, parse_state, read_states

Note = Mapping[str, Any]
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A status of a send: its stage, its attempt, Meta's time, and when it was stored."""

    stage: str
    attempt: str
    at: datetime
    kept_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryWait:
    """The time for which a lane rests behind a send, until Meta tells what became of it."""

    began_at: datetime
    until: datetime
    ended_at: datetime | None = None  # None if Meta told nothing


@dataclass(frozen=True, slots=True)
class TracedSend:
    """A send as it is stored; its stage is "" where it is forgotten, or its row damaged."""

    id: str
    stage: str = ""
    rule: str = ""
    record: str = ""
    priority: str = ""
    wamid: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    planned_at: datetime | None = None
    expires_at: datetime | None = None
    reference: str = ""  # a client's name of it
    is_requested: bool = False  # by a client of the API, and not by a rule
    attempts: int = 0
    began: Mapping[int, datetime] = field(default_factory=dict)  # when each attempt began
    notes: Mapping[int, Note] = field(default_factory=dict)
    messages: Mapping[int, str] = field(default_factory=dict)  # the messages of earlier attempts
    ended: Mapping[int, Note] = field(default_factory=dict)  # why it ended before each redrive
    statuses: tuple[StatusEntry, ...] = ()
    error: Note = field(default_factory=dict)
    pricing: Note = field(default_factory=dict)
    is_final: bool = False
    has_text: bool = True  # its content is still stored
    state: SendState = field(default_factory=SendState)
    delivery_wait: DeliveryWait | None = None
    lane: str = field(default="", repr=False)  # the key of its contact
    parked_for: str = ""  # the template that Meta had stopped when it was parked last
    damage: str = ""  # why its row cannot be read


def remembered_attempts(send: TracedSend) -> set[int]:
    """Return the attempts that are still recorded; the latest is always one of them."""
    left = {*send.began, *send.notes, send.attempts}
    return {ordinal for ordinal in left if 0 < ordinal <= send.attempts}


def messages_by_attempt(send: TracedSend) -> dict[int, str]:
    """Return the messages by the attempt that created them, as far as that is known."""
    if not send.wamid:
        return dict(send.messages)
    accepted = [n for n, note in send.notes.items() if note.get("outcome") == "accepted"]
    latest = max([n for n in accepted if n not in send.messages], default=send.attempts)
    return {**send.messages, latest: send.wamid}


def run_commands(store: Store, *commands: Sequence[Any]) -> list[Any]:
    """Run plain commands in one round trip. Raises StoreUnavailableError or ScriptError."""

    def run(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(pipe.execute())

    return store.run(run) if commands else []


def read_each(store: Store, commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Run plain commands in one round trip; a damaged key gives None and stops no other.

    Raises StoreUnavailableError.
    """

    def run(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(pipe.answers())

    answers = store.run(run) if commands else []
    for one in answers:
        if isinstance(one, RedisError):
            error = translate_error(one)
            if isinstance(error, StoreUnavailableError):
                raise error
    return [None if isinstance(one, RedisError) else one for one in answers]


def read_sends(store: Store, bodies: Bodies, number: str, ids: Sequence[str]) -> list[TracedSend]:
    """Return sends by their ids, in a few round trips. Raises StoreUnavailableError."""
    return trace_rows(store, number, send_rows.read_rows(store, bodies, number, ids))


def trace_rows(store: Store, number: str, rows: Sequence[SendRow]) -> list[TracedSend]:
    """Return the sends of rows, with the place where each waits. Raises StoreUnavailableError.

    A damaged row costs its own send only.
    """
    states = read_states(store, keys.number(number), rows)
    kept_at = _kept_at(store, number, [one.fields for one in rows])
    return [_trace_row(row, replies, kept_at) for row, replies in zip(rows, states, strict=True)]


def _trace_row(
    row: SendRow, replies: Sequence[Any], kept_at: Mapping[tuple[str, str], datetime]
) -> TracedSend:
    if row.damage or not row.fields:
        return TracedSend(row.id, damage=row.damage)
    try:
        state = parse_state(row.members, *replies)
        return _to_traced_send(row.id, row.fields, state, kept_at)
    except Exception as error:  # any error in it must cost this send only
        return TracedSend(row.id, damage=f"reading it raises {type(error).__name__}")


def _kept_at(store: Store, number: str, rows: Sequence[Row]) -> dict[tuple[str, str], datetime]:
    """Return when statuses were stored, by wamid and stage, as far as they are still known."""
    status_keys = [one for row in rows for one in _status_keys(row)]
    event_refs = find_event_refs(
        store, number, [join("status", number, *one) for one in status_keys]
    )
    return {
        one: datetime_from_ms(event_ref.partition(":")[2].partition("-")[0])
        for one, event_ref in zip(status_keys, event_refs, strict=True)
        if event_ref
    }


def _status_keys(row: Row) -> list[tuple[str, str]]:
    """Return wamid and stage of each status of a row; none where it is damaged."""
    try:
        fields = [_split_status_field(name) for name in row if name.startswith("at:")]
    except ValueError:
        return []
    found = [(_wamid_of_attempt(row, attempt), stage) for stage, attempt in fields]
    return [one for one in found if one[0]]


def _to_traced_send(
    name: str, row: Row, state: SendState, kept_at: Mapping[tuple[str, str], datetime]
) -> TracedSend:
    planned = orjson.loads(row["row"])
    statuses = [
        StatusEntry(
            stage,
            attempt,
            datetime_from_ms(row[field]),
            kept_at.get((_wamid_of_attempt(row, attempt), stage)),
        )
        for field in row
        if field.startswith("at:")
        for stage, attempt in [_split_status_field(field)]
    ]
    return TracedSend(
        id=name,
        stage=row["stage"],
        lane=row.get("lane", ""),
        rule=planned["rule"],
        record=planned["record"],
        priority=row["rank"],
        wamid=row.get("wamid", ""),
        body=planned.get("body", {}),
        planned_at=moment(row["planned"]),
        expires_at=moment(row["expires"]),
        reference=planned.get("reference", ""),
        is_requested=planned.get("api", False),
        attempts=int(row["attempts"]),
        began={n: datetime_from_ms(at) for n, at in _iter_by_attempt(row, "began")},
        notes={n: _parse_note(text) for n, text in _iter_by_attempt(row, "attempt")},
        messages=dict(_iter_by_attempt(row, "wamid")),
        ended={n: _parse_note(text) for n, text in _iter_by_attempt(row, "ended")},
        statuses=tuple(sorted(statuses, key=lambda one: (one.at, STATUS_RANK.get(one.stage, 0)))),
        error=_parse_note(row.get("error", "{}")),
        pricing=_parse_note(row.get("pricing", "{}")),
        is_final="final" in row,
        has_text="body" in planned,
        state=state,
        delivery_wait=_parse_wait(row),
        parked_for=row.get("parked_for", ""),
    )


def _parse_wait(row: Row) -> DeliveryWait | None:
    began_at, until, ended_at = (
        moment(row.get(name)) for name in ("rest_began", "rest_until", "rest_ended")
    )
    return DeliveryWait(began_at, until, ended_at) if began_at and until else None


def _iter_by_attempt(row: Row, name: str) -> Iterator[tuple[int, str]]:
    """Yield what is stored of each attempt under a name."""
    for field_, value in row.items():
        if field_.startswith(f"{name}:"):
            yield int(field_.removeprefix(f"{name}:")), value


def _wamid_of_attempt(row: Row, attempt: str) -> str:
    """Return the message of an attempt, as far as it is known."""
    return row.get(f"wamid:{attempt}") or row.get("wamid", "")


def _split_status_field(field: str) -> tuple[str, str]:
    _, stage, attempt = field.split(":", 2)
    return stage, attempt


def _parse_note(text: str) -> Note:
    """Parse a note; one that is not an object is shown as it is."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    return value if isinstance(value, dict) else {"outcome": str(value)}
