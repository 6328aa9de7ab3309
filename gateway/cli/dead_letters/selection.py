"""Which dead letters a command is about: some by their ids, or all that fit its filters."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import typer

from gateway.cli.common import errors
from gateway.cli.common.moments import moment
from gateway.cli.common.trace_line import many
from gateway.core.sending.dead_letter import CAUSES, DeadEvent, Letter, Wanted
from gateway.store import dead_letters, letters
from gateway.store.dead_letters import WITHOUT_KEYS
from gateway.store.inbox.record import Bodies
from gateway.store.redis.client import Store


@dataclass(frozen=True, slots=True)
class Filters:
    """What was written on the command line; what is empty asks for all."""

    number: str
    causes: Sequence[str]
    codes: Sequence[int]
    since: str
    until: str

    @property
    def empty(self) -> bool:
        """Say whether nothing was written."""
        return not any((self.number, self.causes, self.codes, self.since, self.until))

    def wanted(self, now: datetime) -> Wanted:
        """Return what is asked for, or end the command."""
        if strange := sorted(set(self.causes) - set(CAUSES)):
            raise errors.fail(f"{strange[0]} is no cause: write one of {', '.join(CAUSES)}.")
        return Wanted(
            number=self.number or None,
            causes=frozenset(self.causes),
            codes=frozenset(self.codes),
            since=moment(self.since, now),
            until=moment(self.until, now),
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dead letter to do something with; `delivery` is "" for a send."""

    id: str
    number: str
    cause: str
    delivery: str


def choose(store: Store, ids: Sequence[str], filters: Filters, *, every: bool) -> list[Chosen]:
    """Return what was named, or what fits, or end the command where it is not clear which."""
    if ids and (every or not filters.empty):
        raise errors.fail("Name dead letters by their ids, or give filters, but not both.")
    if ids:
        return [_chosen(one(store, name)) for name in dict.fromkeys(ids)]
    if filters.empty and not every:
        raise errors.fail("Say which dead letters: ids, filters such as --cause, or --all.")
    return [
        _chosen(letter)
        for letter in letters.letters(store, filters.wanted(dead_letters.now(store)))
    ]


def one(store: Store, name: str, bodies: Bodies = WITHOUT_KEYS) -> Letter:
    """Return the dead letter of an id, or end the command."""
    letter = letters.find(store, name, (), bodies)
    if letter is None:
        raise errors.fail(f"There is no dead letter {name}.")
    return letter


def confirm(verb: str, chosen: Sequence[Chosen]) -> None:
    """Ask a person, and end the command unless they agree."""
    causes = counted(Counter(one.cause for one in chosen))
    typer.confirm(f"{verb} {many(len(chosen), 'dead letter')} ({causes})?", abort=True, err=True)


def counted(causes: Counter[str]) -> str:
    """Word how many died of what, the most frequent first."""
    return ", ".join(f"{cause} {count:,}" for cause, count in causes.most_common())


def _chosen(letter: Letter) -> Chosen:
    delivery = letter.delivery if isinstance(letter, DeadEvent) else ""
    return Chosen(letter.id, letter.number, letter.cause, delivery)
