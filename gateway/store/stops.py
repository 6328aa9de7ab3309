"""What keeps a number from sending: a machine pauses it, a person holds it or one of its rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.dead import moment
from gateway.store import keys
from gateway.store.client import Call, Store
from gateway.store.traced_sends import ask

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


def pause(store: Store, numbers: Iterable[str], why: str, probe_after_ms: int) -> None:
    """Pause numbers; one that is paused already stays so since it was. Repeatable, like all here.

    Each of these raises StoreUnavailableError.
    """
    _ask(store, numbers, "pause", why, probe_after_ms)


def look(store: Store, numbers: Iterable[str]) -> None:
    """Let those that are paused be probed at once."""
    _ask(store, numbers, "look")


def rest(store: Store, numbers: Iterable[str], wait_ms: int) -> None:
    """Let numbers send nothing for a while."""
    _ask(store, numbers, "rest", wait_ms)


def grant(store: Store, number: str, per_second: int) -> bool:
    """Note that Meta grants a number more; what it granted is never taken back here."""
    return bool(_ask(store, [number], "grant", per_second))


def hold(store: Store, numbers: Iterable[str], rule: str, why: str) -> None:
    """Let a person stop numbers, or what a rule sends from them; `why` is shown to others."""
    _ask(store, numbers, "hold", rule, why)


def release(store: Store, numbers: Iterable[str], rule: str) -> int:
    """Let what was held go on; return for how many numbers that changed something."""
    return _ask(store, numbers, "release", rule)


def of(store: Store, numbers: Sequence[str]) -> dict[str, Stops]:
    """Return what keeps each of these numbers from sending."""
    found = ask(store, *(("HGETALL", key(one)) for one in numbers))
    return {one: read(raw) for one, raw in zip(numbers, found, strict=True)}


def key(number: str) -> str:
    """Return where the stops of a number are stored."""
    return f"{keys.number(number)}stops"


def read(raw: Mapping[bytes, bytes]) -> Stops:
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


def _ask(store: Store, numbers: Iterable[str], *args: Any) -> int:
    replies = store.call_many([Call("stop", keys.number(one), args) for one in numbers])
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return sum(replies)
