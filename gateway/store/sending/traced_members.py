"""How far a message to a group got with each participant, as a trace sees it."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.sending.dead_letter import moment


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
