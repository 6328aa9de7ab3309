"""One run: break at random under load, and look at every delivery that was acknowledged."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tests.chaos.gateway import Gateway
from tests.chaos.load import Load

PATIENCE_S = 30.0
MOST_STORIES = 20


@dataclass(frozen=True)
class Asked:
    """How much is to be broken, and under what load."""

    kills: int
    seconds: float
    rate: float
    seed: int
    large: float = 0.0  # the share of deliveries that have a thousand items


@dataclass
class Found:
    """What came of all rounds so far, by fault."""

    system: str
    kills: frozenset[str] = frozenset()  # the faults that are kills
    rounds: int = 0
    seconds: float = 0.0
    deliveries: int = 0
    tries: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    large: Counter[str] = field(default_factory=Counter)  # of those that were kept
    requests: Counter[str] = field(default_factory=Counter)  # to the API, of those
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    buried: Counter[str] = field(default_factory=Counter)
    in_doubt: Counter[str] = field(default_factory=Counter)
    hung: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Say whether everything acknowledged had its effect once or is in doubt, without help."""
        return not any(one.total() for one in (self.lost, self.doubled, self.buried, self.hung))

    @property
    def killed(self) -> int:
        """Return how many of the faults were kills."""
        return sum(self.tries[fault] for fault in self.kills)

    def packed(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {one.name: _packed(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def unpacked(cls, told: Mapping[str, Any]) -> "Found":
        """Return what was packed."""
        return cls(**{name: _UNPACK.get(name, Counter)(value) for name, value in told.items()})


_UNPACK: dict[str, Callable[[Any], Any]] = {
    "system": str, "kills": frozenset, "rounds": int, "seconds": float, "deliveries": int,
    "stories": list,
}  # fmt: skip


def _packed(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def break_it(
    system: Gateway,
    asked: Asked,
    note: Callable[[str], None],
    found: Found | None = None,
    save: Callable[[Found], None] = lambda _: None,
) -> Found:
    """Break a started system, round after round, until there are as many kills as asked for.

    `note` hears of each fault. After each round, in which every fault comes once, nothing waits any
    more and everything is judged: then `save` is called, and what it has is enough to go on from.
    """
    found = found or Found(system.name, system.kills)
    while found.killed < asked.kills and found.seconds < asked.seconds:
        _Round(system, asked, found, note).run()
        save(found)
    return found


class _Round:
    """Every fault once, in an order of chance that depends on the seed and the round alone."""

    def __init__(
        self, system: Gateway, asked: Asked, found: Found, note: Callable[[str], None]
    ) -> None:
        self._system, self._asked, self._found, self._note = system, asked, found, note
        self._dice = random.Random(f"{asked.seed}/{found.rounds}")
        self._load = Load(system.post, asked.rate, found.deliveries)
        self._buried = system.buried()

    def run(self) -> None:
        began = time.monotonic()
        ends = began + self._asked.seconds - self._found.seconds
        faults = self._dice.sample(self._system.faults, len(self._system.faults))
        self._load.fault = faults[0]
        self._load.start()
        try:
            for fault in faults:
                self._load.fault = fault
                self._break(fault)
                if time.monotonic() > ends:
                    break
        finally:
            self._load.stop()
        self._system.settle()
        self._judge()
        self._found.rounds += 1
        self._found.deliveries = self._load.next
        self._found.seconds += time.monotonic() - began

    def _break(self, fault: str) -> None:
        self._note(fault)
        self._found.tries[fault] += 1
        if not self._goes_on_after(fault):
            self._found.hung[fault] += 1
            self._system.start_anew()
        self._note_buried(fault)

    def _goes_on_after(self, fault: str) -> bool:
        """Break at a random moment, and say whether messages are answered again by themselves."""
        time.sleep(self._dice.uniform(0.1, 1.0))  # The moment of the fault is what is random.
        self._system.inflict(fault)
        before, ends = self._system.answered(), time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            self._system.revive()
            if self._system.answered() >= before + self._asked.rate / 2:
                return True
            time.sleep(0.1)
        return False

    def _note_buried(self, fault: str) -> None:
        buried = max(self._buried, self._system.buried())
        self._found.buried[fault] += buried - self._buried
        self._buried = buried

    def _judge(self) -> None:
        """Look at all that was acknowledged in this round, and at what came late of others."""
        system, found = self._system, self._found
        fates = system.fates(self._load.kept)
        for number, fault in sorted(self._load.kept.items()):
            found.kept[fault] += 1
            found.requests[fault] += system.is_request(number)
            if system.is_large(number):
                found.large[fault] += 1
                found.lost[fault] += system.without_effect(number)
            for fate in fates.get(number, ()):
                is_lost = not fate.posts and not fate.in_doubt
                found.lost[fault] += is_lost
                found.doubled[fault] += fate.posts > 1
                found.in_doubt[fault] += fate.in_doubt
                if (is_lost or fate.posts > 1) and len(found.stories) < MOST_STORIES:
                    told = f"{fate.wamid} under the fault {fault}: {fate.posts} posts"
                    found.stories.append(f"{told}\n{system.story(fate.wamid)}".rstrip())
        self._note_buried(self._load.fault)
        found.doubled[self._load.fault] += system.posted_again
