"""Definition of a campaign: read from a client's JSON, as it is stored and shown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from unicodedata import category

from gateway.core import messages
from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.message_content import CONTENT, read_content
from gateway.core.api.message_request import read_moment
from gateway.core.campaigns.notices.notice_form import NoticeForm, read_notice_form
from gateway.core.campaigns.quiet_hours import QuietHours, read_quiet_hours
from gateway.core.messages.message_template import fill, names_in_body, prepare
from gateway.core.messages.placeholders import PlaceholderError

MOST_NAME = 100
AGAIN = " (again)"  # at the end of the name of a repetition
MOST_PACE = 1_000
MOST_AHEAD = timedelta(days=60)
DEFAULT_PACE = 50
DEFAULT_FINISH = timedelta(hours=24)
START_GRACE = timedelta(minutes=15)
FIRST_ABOVE, FIRST_SIZE, FIRST_WAIT = 2_000, 200, timedelta(minutes=15)
MOST_PERCENT = 100
_PACE = re.compile(r"(\d{1,6})(?:/(s|m|h))?")
_WAIT = re.compile(r"(\d{1,6})([smh])?")
MOST_WAIT_S = 86_400
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BREAKS = frozenset({"Cc", "Zl", "Zp"})  # control characters, line and paragraph separators
_OWN = frozenset(
    {"name", "from", "start_at", "finish_by", "pace", "first", "stop", "when_closed", "marketing"}
    | {"quiet_hours", "notify", "skip_unreachable"}
)
FIELDS = _OWN | CONTENT | {"type"}
STOP_FIELDS = frozenset({"failed", "unconfirmed", "over", "opted_out", "quality", "codes"})
WHEN_CLOSED: tuple[Literal["fail", "drop"], ...] = ("fail", "drop")


@dataclass(frozen=True, slots=True)
class StopRules:
    """When a campaign pauses by itself: shares in percent of what was attempted lately.

    That of opt-outs is a share of whom it reached since its start or the last resume.
    """

    failed: int = 10
    unconfirmed: int = 1
    over: int = 500  # attempts that are looked at
    opted_out: int = 3
    quality: bool = True  # whether a fall of the number's or the template's quality pauses it
    codes: bool = True  # whether a code of Meta's does that says that going on does harm


@dataclass(frozen=True, slots=True)
class FirstBatch:
    """How many recipients go first, and how long the campaign then waits for their statuses."""

    size: int = 0  # 0: all go at once
    wait: timedelta = FIRST_WAIT


@dataclass(frozen=True, slots=True)
class Definition:
    """What a campaign sends, to whom it is from, and how it goes."""

    name: str
    body: messages.Body = field(repr=False)
    number: str = ""
    pace: float = DEFAULT_PACE  # messages a second
    start_at: datetime | None = None
    finish_by: datetime | None = None
    first: FirstBatch | None = None  # None: by the size of the audience
    stop: StopRules = StopRules()
    closed: Literal["", "drop"] = ""
    marketing: bool = True
    quiet: QuietHours | None = None
    notice: NoticeForm = field(default_factory=NoticeForm)
    skip_unreachable: bool = False  # who could not be reached within 30 days is left out

    @property
    def columns(self) -> frozenset[str]:
        """Return the columns of the audience that the message needs."""
        return names_in_body(self.body)

    @property
    def is_template(self) -> bool:
        """Say whether it sends a template, and so also to customers whose window is closed."""
        return bool(self.body.get("type") == "template")

    def first_batch(self, total: int) -> int:
        """Return after how many recipients the campaign waits, 0 where it does not."""
        if self.first is not None:
            return self.first.size
        return FIRST_SIZE if total > FIRST_ABOVE else 0

    @property
    def first_wait(self) -> timedelta:
        """Return how long it waits then."""
        return self.first.wait if self.first else FIRST_WAIT

    def prepare(self) -> Any:
        """Return the message compiled, for `render`."""
        return prepare(self.body)


def render(prepared: Any, values: Mapping[str, str]) -> messages.Body | None:
    """Return the message with a recipient's values, None where a text that it needs is empty."""
    body: messages.Body | None = fill(prepared, lambda name: values.get(name, ""))
    return body


def trial_fields(
    definition: Definition, number: str, to: str, values: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the request that sends the message to one number with the values of a recipient.

    It has the form of the API; None where a text is empty.
    """
    body = render(definition.prepare(), values)
    return None if body is None else {"to": to, "from": number, **body}


def choose_samples(rendered: Sequence[messages.Body]) -> list[messages.Body]:
    """Return the first message, the shortest and the longest, each of them once."""
    if not rendered:
        return []
    by_length = sorted(rendered, key=_measure)
    chosen: list[messages.Body] = []
    for body in (rendered[0], by_length[0], by_length[-1]):
        if body not in chosen:
            chosen.append(body)
    return chosen


def name_samples(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return for each of the samples that were chosen why it is one of them."""
    match samples:
        case [_, _, _]:
            return ["the first", "the shortest", "the longest"]
        case [first, other] if _measure(first) <= _measure(other):
            return ["the first, and the shortest", "the longest"]
        case [_, _]:
            return ["the first, and the longest", "the shortest"]
        case _:
            return ["the first"] * len(samples)


def _measure(body: Mapping[str, Any]) -> int:
    return len(str(body))


def read_definition(fields: Mapping[str, Any]) -> Definition | list[FieldError]:
    """Return the campaign in a JSON object, or everything that is wrong with it."""
    reader = FieldReader(fields)
    reader.refuse_unknown(FIELDS)
    name, number = reader.text("name", MOST_NAME), reader.text("from", 64)
    if any(category(char) in _BREAKS for char in name):
        reader.add("name", "must be one line without control characters")
    if not name and not reader.errors:
        reader.add("name", "is missing")
    content = {key: value for key, value in fields.items() if key not in _OWN}
    body = read_content(FieldReader(content, errors=reader.errors))
    if body is not None:
        _check_placeholders(reader, body)
    definition = Definition(
        name=name,
        body=body or {},
        number=number,
        pace=_read_pace(reader),
        start_at=read_moment(reader, "start_at"),
        finish_by=read_moment(reader, "finish_by"),
        first=_read_first(reader),
        stop=_read_stop(reader),
        closed="drop" if reader.choice("when_closed", WHEN_CLOSED) == "drop" else "",
        marketing=True if fields.get("marketing") is None else reader.flag("marketing"),
        quiet=read_quiet_hours(reader, "quiet_hours"),
        notice=read_notice_form(reader, "notify"),
        skip_unreachable=reader.flag("skip_unreachable"),
    )
    return reader.errors or definition


def check_times(definition: Definition, now: datetime) -> list[FieldError]:
    """Return what does not fit about the times at this moment."""
    reader = FieldReader({})
    start, finish = definition.start_at, definition.finish_by
    if start and start - now > MOST_AHEAD:
        reader.add("start_at", f"is more than {MOST_AHEAD.days} days ahead")
    if finish and finish <= max(now, start or now):
        reader.add("finish_by", "is not after the start")
    return reader.errors


def choose_end(definition: Definition, started_at: datetime, takes: timedelta) -> datetime:
    """Return the moment until which a campaign goes on that takes so long by its check."""
    return definition.finish_by or started_at + takes + DEFAULT_FINISH


def _check_placeholders(reader: FieldReader, body: messages.Body) -> None:
    try:
        prepare(body)
    except PlaceholderError as error:
        reader.add("", f"has a placeholder that cannot be used: {error}")


def _read_pace(reader: FieldReader) -> float:
    """Return messages a second: a number, or a text such as 100/m."""
    given = reader.fields.get("pace")
    if given is None:
        return DEFAULT_PACE
    pace = 0.0
    if isinstance(given, int) and not isinstance(given, bool):
        pace = given
    elif isinstance(given, str) and (match := _PACE.fullmatch(given.replace(" ", ""))):
        pace = int(match[1]) / _SECONDS[match[2] or "s"]
    if not 1 / 3600 <= pace <= MOST_PACE:
        reader.add("pace", f"must be 1 to {MOST_PACE:,} messages a second, or such as 100/m")
        return DEFAULT_PACE
    return pace


def _read_first(reader: FieldReader) -> FirstBatch | None:
    given = reader.fields.get("first")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        reader.add("first", 'must be an object such as {"size": 200, "wait": "15m"}')
        return None
    inner = FieldReader(given, f"{reader.pointer}/first", reader.errors)
    inner.refuse_unknown(frozenset({"size", "wait"}))
    size = inner.integer("size", 0, 1_000_000)
    return FirstBatch(FIRST_SIZE if size is None else size, _read_wait(inner))


def _read_wait(reader: FieldReader) -> timedelta:
    """Return a wait: whole seconds, or a text such as 15m."""
    given = reader.fields.get("wait")
    if given is None:
        return FIRST_WAIT
    seconds = -1
    if isinstance(given, int) and not isinstance(given, bool):
        seconds = given
    elif isinstance(given, str) and (match := _WAIT.fullmatch(given.replace(" ", ""))):
        seconds = int(match[1]) * _SECONDS[match[2] or "s"]
    if not 0 <= seconds <= MOST_WAIT_S:
        reader.add("wait", f"must be up to {MOST_WAIT_S:,} whole seconds, or such as 15m or 1h")
        return FIRST_WAIT
    return timedelta(seconds=seconds)


def _read_stop(reader: FieldReader) -> StopRules:
    given = reader.fields.get("stop")
    if given is None:
        return StopRules()
    if not isinstance(given, Mapping):
        reader.add("stop", 'must be an object such as {"failed": 10, "opted_out": 3}')
        return StopRules()
    inner = FieldReader(given, f"{reader.pointer}/stop", reader.errors)
    inner.refuse_unknown(STOP_FIELDS)
    usual = StopRules()
    failed, unconfirmed, opted_out = (
        inner.integer(name, 1, MOST_PERCENT) for name in ("failed", "unconfirmed", "opted_out")
    )
    return StopRules(
        failed or usual.failed,
        unconfirmed or usual.unconfirmed,
        inner.integer("over", 10, 100_000) or usual.over,
        opted_out or usual.opted_out,
        True if given.get("quality") is None else inner.flag("quality"),
        True if given.get("codes") is None else inner.flag("codes"),
    )
