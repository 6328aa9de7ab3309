"""Options that several commands have, and what they say: moments, and which deliveries."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import TypeAdapter

from gateway.cli.common import errors
from gateway.config.types import Duration
from gateway.core.capture.filter import KINDS, DeliveryFilter

_DURATION: TypeAdapter[Duration] = TypeAdapter(Duration)


def parse_moment(text: str, now: datetime) -> datetime | None:
    """Read "2h" as two hours ago, and a moment without a zone as UTC; None where nothing is."""
    if not text:
        return None
    try:
        return now - _DURATION.validate_python(text)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise errors.fail(
            f"{text} is no time: write how long ago, as 2h, or when, as 2026-11-22T14:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show texts and phone numbers.")]
Since = Annotated[str, typer.Option(help="Since then: 2h ago, or 2026-11-22T14:00 (UTC).")]
Until = Annotated[str, typer.Option(help="Until then, in the same ways.")]
Number = Annotated[str, typer.Option(help="Only of this phone number id of ours.")]
Cause = Annotated[list[str] | None, typer.Option(help="Only of this cause; may be repeated.")]
Code = Annotated[list[int] | None, typer.Option(help="Only with this code of Meta's.")]
Kind = Annotated[
    list[str] | None, typer.Option(help=f"With an event of this kind: {', '.join(KINDS)}.")
]
Contains = Annotated[str, typer.Option(help="With this anywhere in it, whatever the case.")]
Limit = Annotated[int | None, typer.Option(help="So many at most, the oldest.", min=1)]


def build_filter(
    since: str, until: str, number: str, kinds: Sequence[str] | None, contains: str, now: datetime
) -> DeliveryFilter:
    """Return what is asked for, or end the command."""
    if strange := sorted(set(kinds or ()) - set(KINDS)):
        raise errors.fail(f"{strange[0]} is no kind: write one of {', '.join(KINDS)}.")
    return DeliveryFilter(
        since=parse_moment(since, now),
        until=parse_moment(until, now),
        number=number,
        kinds=frozenset(kinds or ()),
        contains=contains,
    )
