"""Which dead letters a command is about: some by their ids, or all that fit its filters."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import typer

from gateway.cli.common import errors
from gateway.cli.common.options import Cause, Code, Number, Since, Until, parse_moment
from gateway.cli.common.output import pluralize, progress_bar
from gateway.core.sending.dead_letter import CAUSES, DeadEvent, DeadLetterFilter, DeadSend, Letter
from gateway.store import keys
from gateway.store.body_encryption import Bodies
from gateway.store.dead_letters import dead_letters, review_list
from gateway.store.dead_letters.dead_letters import WITHOUT_KEYS
from gateway.store.redis.client import Store
from tasks.wakeup import ring_inbox, ring_number


@dataclass(frozen=True, slots=True)
class LetterOptions:
    """Which dead letters a command is about; what is empty asks for all."""

    number: Number = ""
    cause: Cause = None
    code: Code = None
    since: Since = ""
    until: Until = ""

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was written."""
        return not any((self.number, self.cause, self.code, self.since, self.until))

    def to_filter(self, now: datetime) -> DeadLetterFilter:
        """Return what is asked for, or end the command."""
        causes = frozenset(self.cause or ())
        if strange := sorted(causes - set(CAUSES)):
            raise errors.fail(f"{strange[0]} is no cause: write one of {', '.join(CAUSES)}.")
        return DeadLetterFilter(
            number=self.number or None,
            causes=causes,
            codes=frozenset(self.code or ()),
            since=parse_moment(self.since, now),
            until=parse_moment(self.until, now),
        )


@dataclass(frozen=True, slots=True)
class LetterSelection:
    """A dead letter to do something with; `delivery` is "" for a send."""

    id: str
    number: str
    cause: str
    delivery: str


def choose(
    store: Store, ids: Sequence[str], filters: LetterOptions, *, every: bool
) -> list[LetterSelection]:
    """Return what was named, or what fits, or end the command where it is not clear which."""
    if ids and (every or not filters.is_empty):
        raise errors.fail("Name dead letters by their ids, or give filters, but not both.")
    if ids:
        return [_select(find_letter(store, name)) for name in dict.fromkeys(ids)]
    if filters.is_empty and not every:
        raise errors.fail("Say which dead letters: ids, filters such as --cause, or --all.")
    return [
        _select(letter)
        for letter in review_list.iter_letters(
            store, filters.to_filter(dead_letters.server_time(store))
        )
    ]


def find_letter(store: Store, name: str, bodies: Bodies = WITHOUT_KEYS) -> Letter:
    """Return the dead letter of an id, or end the command."""
    letter = review_list.find(store, name, (), bodies)
    if letter is None:
        raise errors.fail(f"There is no dead letter {name}.")
    return letter


def confirm(verb: str, selections: Sequence[LetterSelection]) -> None:
    """Ask a person, and end the command unless they agree."""
    causes = format_causes(Counter(one.cause for one in selections))
    typer.confirm(
        f"{verb} {pluralize(len(selections), 'dead letter')} ({causes})?", abort=True, err=True
    )


def format_causes(causes: Counter[str]) -> str:
    """Word how many died of what, the most frequent first."""
    return ", ".join(f"{cause} {count:,}" for cause, count in causes.most_common())


def _select(letter: Letter) -> LetterSelection:
    delivery = letter.delivery if isinstance(letter, DeadEvent) else ""
    return LetterSelection(letter.id, letter.number, letter.cause, delivery)


Outcomes = dict[str, list[str]]  # what became of it -> ids


class Redriver:
    """Redrives what was chosen, and rings for whoever works on it."""

    def __init__(self, store: Store, bodies: Bodies, *, unconfirmed: bool, rings: bool) -> None:
        """`unconfirmed` also begins again what Meta may have had."""
        self._store = store
        self._bodies = bodies
        self._unconfirmed = unconfirmed
        self._rings = rings
        self._deliveries: dict[str, str] = {}

    def redrive(self, selection: LetterSelection) -> str:
        """Redrive one; a delivery is kept once more for all of its events together."""
        if selection.delivery in self._deliveries:
            return self._redrive_again(selection)
        # Looked at again, for much may happen between the first and the last of many.
        letter = review_list.find(self._store, selection.id, [selection.number], self._bodies)
        if letter is None:
            return "changed"
        outcome = review_list.redrive(
            self._store, letter, unconfirmed=self._unconfirmed, bodies=self._bodies
        )
        if selection.delivery:
            self._deliveries[selection.delivery] = outcome
        if outcome == "redriven" and self._rings:
            self._ring(letter)
        return outcome

    def _redrive_again(self, selection: LetterSelection) -> str:
        """Tell what became of the delivery; what could not be read comes again with it, or not."""
        outcome = self._deliveries[selection.delivery]
        if outcome == "redriven" and selection.cause == "unreadable":
            letter = review_list.find(self._store, selection.id, [selection.number])
            dropped = letter and review_list.drop(self._store, letter) == "dropped"
            return "redriven" if dropped else "changed"
        return outcome

    def _ring(self, letter: Letter) -> None:
        if isinstance(letter, DeadSend):
            ring_number(self._store, letter.number, letter.priority)
        elif self._store.mark(keys.INBOX_BELL, keys.BELL_MS):
            ring_inbox()


class Dropper:
    """Drops what was chosen, and what was set aside only where that was asked for."""

    def __init__(self, store: Store, *, include_deferred: bool) -> None:
        """`aside` is a person's word that what waits need not have its effect."""
        self._store = store
        self._include_deferred = include_deferred

    def drop(self, selection: LetterSelection) -> str:
        """Drop one."""
        letter = review_list.find(self._store, selection.id, [selection.number])
        return (
            review_list.drop(self._store, letter, given_up=self._include_deferred)
            if letter
            else "changed"
        )


def act_on_each(
    selections: Sequence[LetterSelection],
    act: Callable[[LetterSelection], str],
    *,
    per_second: float = 0,
    silent: bool = False,
) -> Outcomes:
    """Act on each, showing how far it got; return the ids by what became of them."""
    outcomes: Outcomes = {}
    with progress_bar(silent=silent) as progress:
        paced = _iter_paced(selections, per_second)
        for one in progress.track(paced, total=len(selections), description="Working"):
            outcomes.setdefault(act(one), []).append(one.id)
    return outcomes


def _iter_paced(
    selections: Sequence[LetterSelection], per_second: float
) -> Iterator[LetterSelection]:
    began = time.monotonic()
    for index, one in enumerate(selections):
        if per_second:
            time.sleep(max(0.0, began + index / per_second - time.monotonic()))
        yield one
