"""One run: kill at random under load, then look at every message that was acknowledged."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.gateway import Gateway
from tests.chaos.load import Load

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Asked:
    """How much is to be broken, and under what load."""

    kills: int
    seconds: float
    rate: float
    seed: int


@dataclass
class Found:
    """What came of one run, by fault."""

    system: str
    tries: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    in_doubt: Counter[str] = field(default_factory=Counter)
    hung: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Say whether every acknowledged message was answered once or is in doubt, without help."""
        return not self.lost and not self.doubled and not self.hung


def break_it(system: Gateway, asked: Asked, note: Callable[[str], None]) -> Found:
    """Break a started system as often as asked; `note` hears of each fault."""
    found = Found(system.name)
    load = Load(system.post, asked.rate)
    dice = random.Random(asked.seed)
    faults = _thrown(system, dice)
    ends = time.monotonic() + asked.seconds
    load.fault = next(faults)
    load.start()
    try:
        while found.tries.total() < asked.kills and time.monotonic() < ends:
            note(load.fault)
            found.tries[load.fault] += 1
            if not _goes_on_after(system, load.fault, dice, asked.rate):
                found.hung[load.fault] += 1
                system.start_anew()
            load.fault = next(faults)
    finally:
        load.stop()
    system.settle()
    _judge(system, load.kept, found)
    return found


def _thrown(system: Gateway, dice: random.Random) -> Iterator[str]:
    """Give every fault once, in a random order, then every one again."""
    while True:
        yield from dice.sample(system.faults, len(system.faults))


def _goes_on_after(system: Gateway, fault: str, dice: random.Random, rate: float) -> bool:
    """Break at a random moment, and say whether messages are answered again by themselves."""
    time.sleep(dice.uniform(0.1, 1.0))  # The moment of the kill is what is random, not a wait.
    system.inflict(fault)
    before, ends = system.answered(), time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        system.revive()
        if system.answered() >= before + rate / 2:
            return True
        time.sleep(0.1)
    return False


def _judge(system: Gateway, kept: dict[int, str], found: Found) -> None:
    posts, doubts = system.posts(kept), system.in_doubt(kept)
    for message, fault in sorted(kept.items()):
        times, doubtful = posts.get(message, 0), message in doubts
        lost = times == 0 and not doubtful
        found.kept[fault] += 1
        found.lost[fault] += lost
        found.doubled[fault] += times > 1
        found.in_doubt[fault] += doubtful
        if (lost or times > 1) and len(found.stories) < 20:
            told = f"message {message} under the kill of {fault}: {times} posts"
            found.stories.append(f"{told}\n{system.story(message)}".rstrip())
    found.lost, found.doubled = +found.lost, +found.doubled
