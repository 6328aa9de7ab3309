"""What waits for an answer from a stranger, as it is shown: its stage, and its attempts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from gateway.core.services.service_call import read_payload
from gateway.core.storage.timestamps import datetime_from_ms


@dataclass(frozen=True, slots=True)
class PostedAttempt:
    """One attempt as it is shown; no outcome while it is under way, or its process died."""

    ordinal: int
    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class TracedPost:
    """A notification or a call, and what became of it; no stage where it is no longer stored."""

    id: str
    stage: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    planned_at: datetime | None = None
    next_at: datetime | None = None  # when it is posted, or posted again, while it waits
    attempts: tuple[PostedAttempt, ...] = ()  # the latest twenty
    count: int = 0  # of all attempts

    @classmethod
    def parse(cls, id_: str, row: Mapping[bytes, bytes], due_ms: Any) -> Self:
        """Return it as its row says, and the score of its place among those that are due."""
        if not row.keys() >= {b"payload", b"planned"}:
            return cls(id_)
        return cls(
            id_,
            row[b"stage"].decode(),
            read_payload(row[b"payload"]),
            datetime_from_ms(row[b"planned"]),
            None if due_ms is None else datetime_from_ms(due_ms),
            parse_attempts(row),
            int(row[b"attempts"]),
        )


def parse_attempts(row: Mapping[bytes, bytes]) -> tuple[PostedAttempt, ...]:
    """Return the attempts of a row in their order."""
    shown = [_parse_attempt(row[name]) for name in row if name.startswith(b"attempt:")]
    return tuple(sorted(shown, key=lambda one: one.ordinal))


def _parse_attempt(value: bytes) -> PostedAttempt:
    """Return an attempt from its stored form: its number, its moment and how it ended."""
    ordinal, at_ms, outcome = value.decode().split("|", 2)
    return PostedAttempt(int(ordinal), datetime_from_ms(at_ms), outcome)
