"""What a script passed over because its keys are damaged, while their neighbours went on."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Damage:
    """One item that a script could not work on, and why; neither names a customer."""

    what: str  # "lane", "outcome", "due", ...
    item: str  # the id of a send or a timer, "" of a lane
    why: str


def damages(told: Sequence[bytes]) -> tuple[Damage, ...]:
    """Read what a script tells of it: what, item and why of each, one after the other."""
    words = [word.decode(errors="replace") for word in told]
    return tuple(Damage(*words[i : i + 3]) for i in range(0, len(words), 3))
