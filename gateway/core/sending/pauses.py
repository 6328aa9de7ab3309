"""What keeps a number from sending: a machine pauses it, a person holds it or one of its rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.sending.dead_letter import moment

RULE = "rule:"


@dataclass(frozen=True, slots=True)
class Hold:
    """What a person stopped, all of the number where `rule` is "", and what they said."""

    rule: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Why Meta takes nothing of the number, and when it is asked again."""

    since: datetime
    probe_at: datetime
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stops:
    """All that keeps one number from sending."""

    pause: Pause | None = None
    holds: tuple[Hold, ...] = ()

    def sentences(self) -> Iterator[str]:
        """Tell each of them, after "the number is"."""
        if self.pause:
            told = self.pause.told
            yield (
                f"paused since {self.pause.since:%Y-%m-%d %H:%M:%S} UTC: {told.get('reason', '')} "
                f"(code {told.get('code')}); asked again at {self.pause.probe_at:%H:%M:%S}"
            )
        for one in self.holds:
            what = f"held for rule {one.rule}" if one.rule else "held"
            why = f": {one.why}" if one.why else ""
            yield f"{what} since {one.since:%Y-%m-%d %H:%M:%S} UTC{why}"


def stored(raw: Mapping[bytes, bytes]) -> Stops:
    """Read the stops of one number as they are stored."""
    found = {name.decode(): value.decode() for name, value in raw.items()}
    holds = [_hold("", found["held"])] if "held" in found else []
    holds += [
        _hold(name.removeprefix(RULE), told)
        for name, told in sorted(found.items())
        if name.startswith(RULE)
    ]
    if "paused" not in found:
        return Stops(None, tuple(holds))
    since, probe_at = moment(found["paused_at"]), moment(found["probe_at"])
    return Stops(Pause(since, probe_at, orjson.loads(found["paused"])), tuple(holds))


def _hold(rule: str, told: str) -> Hold:
    since, _, why = told.partition("|")
    return Hold(rule, moment(since), why)
