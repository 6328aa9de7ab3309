"""Pauses and holds: the gateway pauses a number, the operator holds it or one of its rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.storage.timestamps import datetime_from_ms

RULE = "rule:"


@dataclass(frozen=True, slots=True)
class Hold:
    """A stop by the operator, of the whole number if `rule` is "", with their reason."""

    rule: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Pause:
    """The reason why Meta accepts nothing from the number, and when the next probe is sent."""

    since: datetime
    probe_at: datetime
    error: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NumberPauses:
    """All pauses and holds of one number."""

    pause: Pause | None = None
    holds: tuple[Hold, ...] = ()

    def sentences(self) -> Iterator[str]:
        """Yield the text of each, to follow "the number is"."""
        if self.pause:
            error = self.pause.error
            yield (
                f"paused since {self.pause.since:%Y-%m-%d %H:%M:%S} UTC: {error.get('reason', '')} "
                f"(code {error.get('code')}); asked again at {self.pause.probe_at:%H:%M:%S}"
            )
        yield from self.hold_sentences()

    def hold_sentences(self) -> Iterator[str]:
        """Yield the text of each hold, to follow "the number is"."""
        for one in self.holds:
            what = f"held for rule {one.rule}" if one.rule else "held"
            why = f": {one.why}" if one.why else ""
            yield f"{what} since {one.since:%Y-%m-%d %H:%M:%S} UTC{why}"


def parse_pauses(raw: Mapping[bytes, bytes]) -> NumberPauses:
    """Read the pauses and holds of one number as they are stored."""
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    holds = [_parse_hold("", fields["held"])] if "held" in fields else []
    holds += [
        _parse_hold(name.removeprefix(RULE), value)
        for name, value in sorted(fields.items())
        if name.startswith(RULE)
    ]
    if "paused" not in fields:
        return NumberPauses(None, tuple(holds))
    since, probe_at = datetime_from_ms(fields["paused_at"]), datetime_from_ms(fields["probe_at"])
    return NumberPauses(Pause(since, probe_at, orjson.loads(fields["paused"])), tuple(holds))


def _parse_hold(rule: str, value: str) -> Hold:
    since, _, why = value.partition("|")
    return Hold(rule, datetime_from_ms(since), why)
