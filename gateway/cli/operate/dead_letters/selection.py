"""Selection of dead letters for a command: some by their ids, or all that match its filters."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import typer

from gateway.cli.common import errors
from gateway.cli.common.accounts import AccountChoice, AccountName
from gateway.cli.common.options import Cause, Code, Number, Since, Until, parse_moment
from gateway.cli.common.output import progress_bar
from gateway.cli.local import target
from gateway.core.dead_letters.dead_letter import CAUSES, DeadEvent, DeadForward, DeadSend
from gateway.core.dead_letters.filter import DeadLetterFilter, Letter
from gateway.core.formats import pluralize
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters, review_list
from gateway.store.dead_letters.dead_letters import WITHOUT_KEYS
from gateway.store.redis.client import Store
from tasks.wakeup import ring_forwards, ring_inbox, ring_number


@dataclass(frozen=True, slots=True)
class LetterOptions:
    """Filter options of a command for dead letters; an empty option matches all."""

    number: Number = ""
    account: AccountName = ""
    cause: Cause = None
    code: Code = None
    since: Since = ""
    until: Until = ""

    @property
    def is_empty(self) -> bool:
        """Return whether no filter is given."""
        chosen = (self.number, self.account, self.cause, self.code, self.since, self.until)
        return not any(chosen)

    def choose_account(self) -> AccountChoice:
        """Return the accounts, or end the command if the options name none of them."""
        choice = AccountChoice.of(target.settings(), self.account)
        choice.check_number(self.number)
        return choice

    def to_filter(self, now: datetime) -> DeadLetterFilter:
        """Return the filter, or end the command if an option is malformed."""
        causes = frozenset(self.cause or ())
        if strange := sorted(causes - set(CAUSES)):
            raise errors.fail(f"{strange[0]} is no cause: write one of {', '.join(CAUSES)}.")
        return DeadLetterFilter(
            number=self.number or None,
            numbers=frozenset(self.choose_account().numbers(())) if self.account else None,
            causes=causes,
            codes=frozenset(self.code or ()),
            since=parse_moment(self.since, now),
            until=parse_moment(self.until, now),
        )


@dataclass(frozen=True, slots=True)
class LetterSelection:
    """Selected dead letter; `delivery` is "" for a send."""

    id: str
    number: str
    cause: str
    delivery: str


def choose(
    store: Store, ids: Sequence[str], filters: LetterOptions, *, every: bool
) -> list[LetterSelection]:
    """Return the named or matching letters, or end the command if the selection is unclear."""
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
    """Return the dead letter with an id, or end the command."""
    letter = review_list.find(store, name, (), bodies)
    if letter is None:
        raise errors.fail(f"There is no dead letter {name}.")
    return letter


def confirm(verb: str, selections: Sequence[LetterSelection]) -> None:
    """Ask the operator, and end the command unless they agree."""
    causes = format_causes(Counter(one.cause for one in selections))
    typer.confirm(
        f"{verb} {pluralize(len(selections), 'dead letter')} ({causes})?", abort=True, err=True
    )


def format_causes(causes: Counter[str]) -> str:
    """Format the counts of causes, the most frequent first."""
    return ", ".join(f"{cause} {count:,}" for cause, count in causes.most_common())


def _select(letter: Letter) -> LetterSelection:
    delivery = letter.delivery if isinstance(letter, DeadEvent) else ""
    return LetterSelection(letter.id, letter.number, letter.cause, delivery)


Outcomes = dict[str, list[str]]  # outcome -> ids


class Redriver:
    """Redrives selected letters, and sends wake-ups for their work."""

    def __init__(self, store: Store, bodies: Bodies, *, unconfirmed: bool, rings: bool) -> None:
        """`unconfirmed`: also redrive sends that Meta may have received."""
        self._store = store
        self._bodies = bodies
        self._unconfirmed = unconfirmed
        self._rings = rings
        self._deliveries: dict[str, str] = {}

    def redrive(self, selection: LetterSelection) -> str:
        """Redrive a letter; a delivery is stored again once, for all of its events together."""
        if selection.delivery in self._deliveries:
            return self._redrive_again(selection)
        # Read again, since much may change between the first and the last of many.
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
        """Return the outcome of a delivery already redriven, and drop its unreadable letter."""
        outcome = self._deliveries[selection.delivery]
        if outcome == "redriven" and selection.cause == "unreadable":
            letter = review_list.find(self._store, selection.id, [selection.number])
            dropped = letter and review_list.drop(self._store, letter) == "dropped"
            return "redriven" if dropped else "changed"
        return outcome

    def _ring(self, letter: Letter) -> None:
        if isinstance(letter, DeadSend):
            ring_number(self._store, letter.number, letter.priority)
        elif isinstance(letter, DeadForward):
            ring_forwards(self._store, letter.number)
        elif self._store.mark(keys.INBOX_BELL, keys.BELL_MS):
            ring_inbox()


class Dropper:
    """Drops selected letters, and deferred deliveries only on request."""

    def __init__(self, store: Store, *, include_deferred: bool) -> None:
        """`include_deferred`: the operator accepts that deferred deliveries have no effect."""
        self._store = store
        self._include_deferred = include_deferred

    def drop(self, selection: LetterSelection) -> str:
        """Drop a letter."""
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
    """Act on each with a progress bar; return the ids by outcome."""
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
