"""Options that several commands share, and their parsing: moments, and filters of deliveries."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from gateway.cli.common import errors
from gateway.config.types import Duration
from gateway.core.capture.filter import KINDS, DeliveryFilter
from gateway.core.webhook.phone_numbers import contact_key

_DURATION: TypeAdapter[Duration] = TypeAdapter(Duration)


def parse_moment(text: str, now: datetime) -> datetime | None:
    """Read "2h" as two hours ago, and a moment without a zone as UTC; None if it is empty."""
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


def parse_customer(text: str) -> str:
    """Return the key of a customer written as +351900000001 or as a user id; "" if it is none."""
    digits = re.sub(r"[\s().-]", "", text)
    if re.fullmatch(r"\+[0-9]{7,15}", digits):
        return contact_key(digits.removeprefix("+"))
    return contact_key("", text) if re.fullmatch(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}", text) else ""


def selector(sentence: str, *names: str, least: float | None = None) -> Any:
    """Return an option that filters; help pages show these in a panel of their own."""
    return typer.Option(*names, help=sentence, min=least, rich_help_panel="Which ones")


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show texts and phone numbers.")]
Since = Annotated[str, selector("Since then: 2h ago, or 2026-11-22T14:00 (UTC).")]
Until = Annotated[str, selector("Until then, in the same ways.")]
Number = Annotated[str, selector("Only of this phone number id of ours.")]
Cause = Annotated[list[str] | None, selector("Only of this cause; may be repeated.")]
Code = Annotated[list[int] | None, selector("Only with this code of Meta's.")]
Kind = Annotated[list[str] | None, selector(f"With an event of this kind: {', '.join(KINDS)}.")]
Contains = Annotated[str, selector("With this anywhere in it, whatever the case.")]
Limit = Annotated[int | None, selector("So many at most, the oldest.", least=1)]


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Filter options of a command for deliveries; an empty option matches all."""

    since: Since = ""
    until: Until = ""
    number: Number = ""
    kind: Kind = None
    contains: Contains = ""
    limit: Limit = None

    def to_filter(self, now: datetime) -> DeliveryFilter:
        """Return the filter, or end the command if an option is malformed."""
        kinds = frozenset(self.kind or ())
        if strange := sorted(kinds - set(KINDS)):
            raise errors.fail(f"{strange[0]} is no kind: write one of {', '.join(KINDS)}.")
        return DeliveryFilter(
            since=parse_moment(self.since, now),
            until=parse_moment(self.until, now),
            number=self.number,
            kinds=kinds,
            contains=self.contains,
        )


def spread_options(command: Callable[..., None]) -> Callable[..., None]:
    """Expand the dataclass parameters of a command into options.

    Each field of such a dataclass becomes an option of the command.
    """
    given = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {
        one.name: one.annotation for one in given if is_dataclass(one.annotation)
    }
    fields = {name: inspect.signature(group).parameters for name, group in groups.items()}
    spread = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in given
        for option in (fields[one.name].values() if one.name in fields else [one])
    ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{option: values.pop(option) for option in fields[name]})
        command(**values)

    # Typer reads a command's parameters from its signature.
    run.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]
    return run
