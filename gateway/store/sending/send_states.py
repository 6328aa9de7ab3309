"""State of a send: where it waits or has ended, read from the lists of its number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending.pauses import NumberPauses, parse_pauses
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.redis.client import Store, StoreUnavailableError, translate_error
from gateway.store.sending.send_rows import SendRow

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """Progress of a message to a group at one participant; `code` is Meta's, where it failed."""

    name: str = field(repr=False)
    stage: str
    at: datetime
    code: int | None = None


def parse_member(name: str, row: str) -> GroupMember:
    """Parse a row of the members of a send."""
    _, stage, at, code = row.split(" ", 3)
    return GroupMember(name, stage, datetime_from_ms(at), int(code) if code else None)


@dataclass(frozen=True, slots=True)
class SendState:
    """Place where a send waits or has ended; all None where it does neither."""

    due_at: datetime | None = None
    unconfirmed_till: datetime | None = None
    dead_at: datetime | None = None
    sends_ahead: int | None = None  # sends before it in its lane
    lane_at: datetime | None = None  # when its lane may be worked next
    parked_till: datetime | None = None  # it waits until its customer writes
    is_held: bool = False  # an operator holds its rule
    pauses: NumberPauses = field(default_factory=NumberPauses)  # why its number may not send
    members: tuple[GroupMember, ...] = ()


def read_states(store: Store, prefix: str, sends: Sequence[SendRow]) -> list[Sequence[Any]]:
    """Return the replies of which each state is made; a damaged key has its error as its reply."""
    commands: list[Sequence[Any]] = []
    for send in sends:
        one, row = send.id, send.fields
        priority, lane = row.get("rank", ""), row.get("lane", "")
        commands += [
            ("ZSCORE", f"{prefix}due", one),
            ("ZSCORE", f"{prefix}unconfirmed", one),
            ("ZSCORE", f"{prefix}dead", f"send:{one}"),
            ("ZRANK", f"{prefix}lane:{priority}:{lane}", one),
            ("ZSCORE", f"{prefix}ready:{priority}", lane),
            ("ZSCORE", f"{prefix}parked", one),
            ("ZSCORE", f"{prefix}held:{row.get('rule', '')}", one),
            ("HGETALL", f"{prefix}stops"),
            ("HGETALL", f"{prefix}members:{one}"),
        ]
    replies = _try_commands(store, commands)
    each = len(commands) // len(sends) if sends else 1
    return [replies[i * each : (i + 1) * each] for i in range(len(sends))]


def _try_commands(store: Store, commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Run plain commands in one round trip; a failed one has its error as its reply.

    Raises StoreUnavailableError.
    """

    def run(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return [
            translate_error(one) if isinstance(one, RedisError) else one for one in pipe.answers()
        ]

    replies = store.run(run) if commands else []
    for reply in replies:
        if isinstance(reply, StoreUnavailableError):
            raise reply
    return replies


def parse_state(compacted: Row, *replies: Any) -> SendState:
    """Return the state in the replies; `compacted` has the members of a compacted send.

    Raises ScriptError, ValueError or TypeError where a key is damaged.
    """
    if failed := [one for one in replies if isinstance(one, Exception)]:
        raise failed[0]
    due, unconfirmed, dead, ahead, ready, parked, held, raw_pauses, members = replies
    current = {name.decode(): told.decode() for name, told in members.items()}
    participants = sorted(({**compacted, **current}).items())
    return SendState(
        due_at=moment(due),
        unconfirmed_till=moment(unconfirmed),
        dead_at=moment(dead),
        sends_ahead=ahead,
        lane_at=moment(ready) if ahead is not None else None,
        parked_till=moment(parked),
        is_held=held is not None,
        pauses=parse_pauses(raw_pauses),
        members=tuple(parse_member(name, told) for name, told in participants),
    )


def moment(milliseconds: Any) -> datetime | None:
    """Return a stored moment, None where there is none."""
    return None if milliseconds is None else datetime_from_ms(milliseconds)
