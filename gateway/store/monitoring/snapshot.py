"""How everything stands at one moment: what a person looks at to see whether all is well."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.sending.dead_letter import Cause, DeadLetterFilter
from gateway.core.sending.pauses import Stops, stored
from gateway.core.storage.forecast import HOUR_MS, MOST_MS, Forecast, forecast
from gateway.core.text import sanitize
from gateway.store import keys, maintenance
from gateway.store.body_encryption import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.inbox import Inbox, PartitionState
from gateway.store.monitoring.canary import NONE_YET, Canary
from gateway.store.monitoring.canary import read as read_canary
from gateway.store.planning import rulebooks
from gateway.store.planning.rulebooks import InForce
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending.lookup import ask
from gateway.store.server.health import REFUSE_FROM, ServerHealth, worst


def note(store: Store, now_ms: int, used_bytes: int) -> None:
    """Note what is used once an hour, by the hour, and forget what is older than two days."""
    hour = now_ms // HOUR_MS * HOUR_MS
    row = f"{now_ms}:{used_bytes}"
    if not store.run(lambda client: client.hsetnx(keys.ROOM, str(hour), row)):
        return
    found: Any = store.run(lambda client: client.hkeys(keys.ROOM))
    if old := [name for name in found if not 0 <= hour - int(name) <= 2 * MOST_MS]:
        store.run(lambda client: client.hdel(keys.ROOM, *old))


def samples(raw: Mapping[bytes, bytes]) -> dict[int, int]:
    """Return how many bytes were used, by moment, from what the store holds of it."""
    told = (value.split(b":") for value in raw.values())
    return {int(at): int(used) for at, used in told}


RANKS = ("reply", "bulk")
BY_THE_CLOCK = ("tick", "sweep", "watch", "web")
# The newest are looked at for their causes; the rest are only counted.
MOST_LETTERS = 1_000
_COUNTED = ("dead", "unconfirmed", "due", "parked", "unreadable")


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """The lanes of one number and rank that hold sends."""

    ready: int = 0
    overdue_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NumberStanding:
    """One of our numbers."""

    number: str
    counts: Mapping[str, int]
    dead: int
    unconfirmed: int
    due: int
    parked: int  # until their customers write again
    stops: Stops
    lanes: Mapping[str, LaneFigures]  # by rank
    unreadable: int = 0  # of the dead
    damaged: str = ""  # why none of this can be read

    @property
    def stages(self) -> dict[str, int]:
        """Return how many sends ever reached each stage."""
        return self._of("sends.")

    @property
    def statuses(self) -> dict[str, int]:
        """Return how many statuses were odd, by what was odd about them."""
        return self._of("statuses.")

    def _of(self, group: str) -> dict[str, int]:
        found = sorted(one for one in self.counts.items() if one[0].startswith(group))
        return {name.removeprefix(group): count for name, count in found}


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """What dead letters have in common."""

    number: str
    cause: Cause
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment of the server's clock."""

    now_ms: int
    health: ServerHealth
    partitions: tuple[PartitionState, ...]
    numbers: tuple[NumberStanding, ...]
    letters: Mapping[DeadLetterGroup, int] = field(default_factory=dict)
    ago_s: Mapping[str, float] = field(default_factory=dict)  # what ran by the clock
    counts: Mapping[str, int] = field(default_factory=dict)  # of the space as a whole
    stopped: str = ""  # the release that must not plan now
    canary: Canary = NONE_YET
    rulebooks: tuple[InForce, ...] = ()  # one for each worker process
    release: str = ""  # of the worker that looked last, with its rules; "" where none has
    leads: bool = False  # some beat has the turn
    room: Mapping[int, int] = field(default_factory=dict)  # bytes used, by moment, hour by hour

    @property
    def forecast(self) -> Forecast | None:
        """Say when deliveries will be refused at the present rate, None where none is known."""
        health = self.health
        full_bytes = REFUSE_FROM * health.limit_bytes
        return forecast(self.now_ms, health.used_bytes, full_bytes, self.room)

    @property
    def causes(self) -> dict[str, int]:
        """Count what `gateway dead-letters` lists; what was set aside is told by the partitions."""
        found: Counter[str] = Counter()
        for of, count in self.letters.items():
            found[of.cause] += count
        late = sum(one.aside for one in self.partitions)
        return dict(found) | ({"aside": late} if late else {})

    @property
    def kept(self) -> int:
        """Return how many deliveries were ever kept."""
        return sum(one.kept for one in self.partitions)

    @property
    def waiting(self) -> int:
        """Return how many deliveries wait, those set aside among them."""
        return sum(one.waiting for one in self.partitions)

    @property
    def oldest_s(self) -> float:
        """Return for how long the oldest delivery has waited."""
        waits = [one.now_ms - one.oldest_ms for one in self.partitions if one.oldest_ms]
        return max(waits, default=0) / 1000

    @property
    def given_up(self) -> int:
        """Return how many deliveries a person ever let go without their effect."""
        return sum(one.given_up for one in self.partitions)

    def total(self, name: str) -> int:
        """Return a counter, summed over all numbers."""
        return sum(one.counts.get(name, 0) for one in self.numbers)


def read(store: Store, limit_bytes: int) -> Snapshot:
    """Read everything and change nothing. Raises StoreUnavailableError or ScriptError."""
    partitions = tuple(Inbox(store, Bodies()).look())
    infos = store.infos()
    layout, counts, stopped, flown, books, release, leads, used, *lives = ask(
        store,
        ("GET", keys.LAYOUT_KEY),
        ("HGETALL", f"{keys.SPACE}count"),
        ("GET", keys.STOPPED),
        ("HGETALL", keys.CANARY),
        ("HGETALL", keys.RULEBOOKS),
        ("GET", f"{keys.RAN}watch"),
        ("EXISTS", keys.BEAT_TURN),
        ("HGETALL", keys.ROOM),
        *(("PTTL", f"{keys.RAN}{what}") for what in BY_THE_CLOCK),
    )
    return Snapshot(
        now_ms=partitions[0].now_ms,
        health=worst(infos, layout.decode() if layout else "", limit_bytes),
        partitions=partitions,
        numbers=tuple(_whole_number(store, name) for name in maintenance.numbers_at_meta(store)),
        letters=_letters(store),
        ago_s={
            what: (keys.DAY_MS - left) / 1000
            for what, left in zip(BY_THE_CLOCK, lives, strict=True)
            if left > 0
        },
        counts=_counts(counts),
        stopped=stopped.decode() if stopped else "",
        canary=read_canary(flown, partitions[0].now_ms),
        rulebooks=rulebooks.reported(books, partitions[0].now_ms),
        release=release.decode() if release else "",
        leads=bool(leads),
        room=samples(used),
    )


def _letters(store: Store) -> Counter[DeadLetterGroup]:
    """Count the newest dead letters by their causes, none where a list of them is damaged."""
    newest = dead_letters.letters(store, DeadLetterFilter(), MOST_LETTERS)
    try:
        return Counter(DeadLetterGroup(one.number, one.cause, one.code) for one in newest)
    except ScriptError:
        return Counter()


def _whole_number(store: Store, name: str) -> NumberStanding:
    """Read how a number stands; one whose keys are damaged hides no other."""
    try:
        return _number(store, name)
    except ScriptError as error:
        idle = {rank: LaneFigures() for rank in RANKS}
        return NumberStanding(name, {}, 0, 0, 0, 0, stored({}), idle, damaged=sanitize(str(error)))


def _number(store: Store, name: str) -> NumberStanding:
    prefix = keys.number(name)
    commands: list[tuple[Any, ...]] = [
        ("TIME",),
        ("HGETALL", f"{prefix}count"),
        *(("ZCARD", f"{prefix}{what}") for what in _COUNTED),
        ("HGETALL", f"{prefix}stops"),
    ]
    for rank in RANKS:
        ready = f"{prefix}ready:{rank}"
        commands += [("ZCARD", ready), ("ZRANGE", ready, 0, 0, "WITHSCORES")]
    (seconds, _), counts, buried, unconfirmed, due, parked, unread, stopped, *lanes = ask(
        store, *commands
    )
    return NumberStanding(
        name,
        _counts(counts),
        buried,
        unconfirmed,
        due,
        parked,
        stored(stopped),
        {rank: _lanes(seconds, *lanes[2 * i : 2 * i + 2]) for i, rank in enumerate(RANKS)},
        unread,
    )


def _lanes(seconds: int, ready: int, head: Any) -> LaneFigures:
    overdue_s = max(0.0, seconds - float(head[0][1]) / 1000) if head else 0.0
    return LaneFigures(ready, overdue_s)


def _counts(raw: Mapping[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in raw.items()}
