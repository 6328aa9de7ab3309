"""What is done with many dead letters, one after the other, at a chosen speed."""

import time
from collections.abc import Callable, Iterator, Sequence

from gateway.cli.common.output import a_bar
from gateway.cli.dead_letters.selection import Chosen
from gateway.core.sending.dead_letter import DeadSend, Letter
from gateway.store import keys, letters
from gateway.store.inbox.record import Bodies
from gateway.store.redis.client import Store
from tasks.wakeup import ring_inbox, ring_number

Done = dict[str, list[str]]  # what became of it -> ids


class Redriver:
    """Redrives what was chosen, and rings for whoever works on it."""

    def __init__(self, store: Store, bodies: Bodies, *, unconfirmed: bool, rings: bool) -> None:
        """`unconfirmed` also begins again what Meta may have had."""
        self._store = store
        self._bodies = bodies
        self._unconfirmed = unconfirmed
        self._rings = rings
        self._deliveries: dict[str, str] = {}

    def one(self, chosen: Chosen) -> str:
        """Redrive one; a delivery is kept once more for all of its events together."""
        if chosen.delivery in self._deliveries:
            return self._again(chosen)
        # Looked at again, for much may happen between the first and the last of many.
        letter = letters.find(self._store, chosen.id, [chosen.number], self._bodies)
        if letter is None:
            return "changed"
        came = letters.redrive(
            self._store, letter, unconfirmed=self._unconfirmed, bodies=self._bodies
        )
        if chosen.delivery:
            self._deliveries[chosen.delivery] = came
        if came == "redriven" and self._rings:
            self._ring(letter)
        return came

    def _again(self, chosen: Chosen) -> str:
        """Tell what became of the delivery; what could not be read comes again with it, or not."""
        came = self._deliveries[chosen.delivery]
        if came == "redriven" and chosen.cause == "unreadable":
            letter = letters.find(self._store, chosen.id, [chosen.number])
            dropped = letter and letters.drop(self._store, letter) == "dropped"
            return "redriven" if dropped else "changed"
        return came

    def _ring(self, letter: Letter) -> None:
        if isinstance(letter, DeadSend):
            ring_number(self._store, letter.number, letter.rank)
        elif self._store.mark(keys.INBOX_BELL, keys.BELL_MS):
            ring_inbox()


class Dropper:
    """Drops what was chosen, and what was set aside only where that was asked for."""

    def __init__(self, store: Store, *, aside: bool) -> None:
        """`aside` is a person's word that what waits need not have its effect."""
        self._store = store
        self._aside = aside

    def one(self, chosen: Chosen) -> str:
        """Drop one."""
        letter = letters.find(self._store, chosen.id, [chosen.number])
        return letters.drop(self._store, letter, given_up=self._aside) if letter else "changed"


def each(
    chosen: Sequence[Chosen],
    act: Callable[[Chosen], str],
    *,
    per_second: float = 0,
    silent: bool = False,
) -> Done:
    """Act on each, showing how far it got; return the ids by what became of them."""
    done: Done = {}
    with a_bar(silent=silent) as progress:
        paced = _paced(chosen, per_second)
        for one in progress.track(paced, total=len(chosen), description="Working"):
            done.setdefault(act(one), []).append(one.id)
    return done


def _paced(chosen: Sequence[Chosen], per_second: float) -> Iterator[Chosen]:
    began = time.monotonic()
    for turn, one in enumerate(chosen):
        if per_second:
            time.sleep(max(0.0, began + turn / per_second - time.monotonic()))
        yield one
