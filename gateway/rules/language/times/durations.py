"""Types of durations and limits in rules: 30m, until shop opens, 3 per 1d."""

import re
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

from gateway.core.contacts.frequency import MOST_TIMES
from gateway.rules.language.refusals import refuse
from gateway.rules.language.types import Matching

DURATION = re.compile(r"(\d{1,6}) ?([smhd])")
OFTEN = re.compile(r"(\d{1,4}) per (.+)")
UNTIL_OPENING = re.compile(r"until ([A-Za-z_][A-Za-z0-9_]{0,63}) opens")
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Often(NamedTuple):
    """A number of times within a period."""

    times: int
    per: timedelta


class UntilOpening(NamedTuple):
    """The time until the hours of this name open."""

    hours: str


def read_duration(value: Any) -> Any:
    """Read a duration such as 90s; refuse anything else."""
    read = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not read or not int(read[1]):
        refuse("must be a duration such as 90s, 30m, 2h or 1d")
    return timedelta(seconds=int(read[1]) * UNITS[read[2]])


def _cooldown(value: Any) -> Any:
    if isinstance(value, str) and (until := UNTIL_OPENING.fullmatch(value)):
        return UntilOpening(until[1])
    if isinstance(value, str) and DURATION.fullmatch(value):
        return read_duration(value)
    return refuse(
        "must be a duration such as 90s, 30m, 2h or 1d, "
        "or `until NAME opens` with the name of hours"
    )


def _duration_or_no(value: Any) -> Any:
    if value in ("no", "0", False):
        return timedelta(0)
    return value if isinstance(value, timedelta) else read_duration(value)


def _at_most(value: Any) -> Any:
    read = OFTEN.fullmatch(value) if isinstance(value, str) else None
    if not read or not int(read[1]):
        refuse("must be so often in a time, such as 3 per 1d")
    if int(read[1]) > MOST_TIMES:
        refuse(f"must be {MOST_TIMES} times or fewer, since each is remembered")
    return Often(int(read[1]), read_duration(read[2]))


_DurationText = Annotated[str, Matching(r"[0-9]{1,6} ?[smhd]", "30m")]
_OftenText = Annotated[str, Matching(r"[0-9]{1,3} per [0-9]{1,6} ?[smhd]", "3 per 1d")]

Duration = Annotated[
    timedelta, BeforeValidator(read_duration, json_schema_input_type=_DurationText)
]
_UntilText = Annotated[str, Matching(UNTIL_OPENING.pattern, "until shop opens")]
Cooldown = Annotated[
    timedelta | UntilOpening,
    BeforeValidator(_cooldown, json_schema_input_type=_DurationText | _UntilText),
]
DurationOrNo = Annotated[
    timedelta,
    BeforeValidator(
        _duration_or_no,
        json_schema_input_type=_DurationText
        | Annotated[str, WithJsonSchema({"enum": ["no", False, "0", 0]})],
    ),
]
AtMost = Annotated[Often, BeforeValidator(_at_most, json_schema_input_type=_OftenText)]
