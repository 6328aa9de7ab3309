"""Rows of sends: one way to read them, whole or compacted, and to restore a compacted one.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from redis.exceptions import RedisError

from gateway.core.sending.compact_record import read_row, restore_row, with_late_statuses
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.redis.client import Store, StoreUnavailableError, translate_error

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SendRow:
    """The row of a send, empty where it is forgotten; `value` leads to a compacted one's record.

    With a value and no row, another release wrote it in a form that this one cannot read.
    """

    id: str
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    members: Mapping[str, str] = field(default_factory=dict, repr=False)  # of a compacted send
    value: bytes = field(default=b"", repr=False)
    has_text: bool = True
    is_unopened: bool = False  # there is a text, which only a process with another key can open
    damage: str = ""  # why it cannot be read at all

    @property
    def is_compacted(self) -> bool:
        """Return whether it has no row of its own any more."""
        return bool(self.value)


def read_rows(store: Store, bodies: Bodies, number: str, ids: Sequence[str]) -> list[SendRow]:
    """Return the rows of sends by their ids, in two round trips where some were compacted.

    A damaged row says so, and its neighbours are read.
    """
    prefix = keys.number(number)

    def ask(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for one in ids:
            pipe.hgetall(f"{prefix}send:{one}")
        return list(pipe.answers())

    raw_rows = store.run(ask) if ids else []
    missing = [one for one, raw in zip(ids, raw_rows, strict=True) if not raw]
    recalled = _recall(store, bodies, number, [f"s{one}" for one in missing])
    recalled_by_id = {
        one: replace(row, id=one) if row and not row.id else row
        for one, row in zip(missing, recalled, strict=True)
    }
    return [
        _to_row(one, raw) if raw else recalled_by_id.get(one) or SendRow(one)
        for one, raw in zip(ids, raw_rows, strict=True)
    ]


def _to_row(name: str, raw: Any) -> SendRow:
    if isinstance(raw, RedisError):
        if isinstance(error := translate_error(raw), StoreUnavailableError):
            raise error
        return SendRow(name, damage=str(error))
    return SendRow(name, _decode_row(raw))


def _decode_row(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return a row as text, even if some of its bytes are not."""
    return {name.decode(): value.decode(errors="replace") for name, value in raw.items()}


def find_by_wamid(store: Store, number: str, wamid: str) -> str:
    """Return the id of the send whose message has this wamid, "" where it is forgotten."""
    prefix = keys.number(number)
    send: Any = store.run(lambda client: client.get(f"{prefix}wamid:{wamid}"))
    if send:
        return str(send.decode())
    (recalled,) = _recall(store, Bodies(), number, [f"w{wamid}"])
    return recalled.id if recalled else ""


def read_by_spots(
    store: Store, bodies: Bodies, number: str, spots: Sequence[bytes], *, without: str = ""
) -> list[SendRow | None]:
    """Return what is left of sends by their places in the index; None where nothing is."""
    return _recall(store, bodies, number, [b"@" + spot for spot in spots], without)


def revive(store: Store, number: str, send: SendRow) -> bool:
    """Restore the row of a compacted send; false where a status came since it was read."""
    wamids = [value for name, value in send.fields.items() if name.partition(":")[0] == "wamid"]
    args: list[Any] = [send.id, send.value, len(wamids), *wamids]
    for name, value in send.fields.items():
        args += [name, value]
    if send.members:
        args += ["", *(part for member in send.members.items() for part in member)]
    return bool(store.call("revive", keys.number(number), *args))


def _recall(
    store: Store, bodies: Bodies, number: str, names: Sequence[str | bytes], without: str = ""
) -> list[SendRow | None]:
    rows: list[SendRow | None] = []
    for start in range(0, len(names), AT_ONCE):
        replies = store.call("recall", keys.number(number), *names[start : start + AT_ONCE])
        rows += [_parse_recalled(bodies, one, without) for one in replies]
    return rows


def _parse_recalled(bodies: Bodies, reply: Any, without: str) -> SendRow | None:
    if reply and len(reply) == 1:
        return SendRow("", damage=reply[0].decode(errors="replace"))
    if not reply or not reply[1]:
        return None
    value, record, text, _ = reply
    plaintext = _open_text(bodies, text)
    try:
        name, row = read_row(record)
        row, members = restore_row(row, plaintext) if plaintext else (row, {})
        updated = with_late_statuses(row, value, without=without)
    except (ValueError, LookupError):
        return SendRow("", value=value, has_text=False)
    return SendRow(name, updated, members, value, bool(plaintext), is_unopened=plaintext is None)


def _open_text(bodies: Bodies, text: bytes | None) -> bytes | None:
    """Return a text, b"" where it is no longer stored, None where this process cannot open it."""
    try:
        return bodies.open(text) if text else b""
    except UnknownRecordError:
        return None


def has_text(row: Mapping[str, str]) -> bool:
    """Return whether a row has the content to send, in a form that can be read."""
    try:
        return "body" in orjson.loads(row.get("row", ""))
    except orjson.JSONDecodeError:
        return False
