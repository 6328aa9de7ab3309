"""Everything the store knows of a message, a send or a customer, from whichever end it is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import names
from gateway.core.event_keys import digest, join
from gateway.core.events import Message
from gateway.core.sending.dead_letter import DeferredDelivery, moment
from gateway.core.sending.send import BULK, REPLY, RUNGS
from gateway.core.text import sanitize
from gateway.core.webhook.damaged import Mentions, of_customer, of_message
from gateway.store import keys, maintenance, trace_records
from gateway.store.body_encryption import Bodies
from gateway.store.dead_letters.unreadable import search
from gateway.store.inbox import deferred
from gateway.store.inbox.lookup import KeptEvent, State, TracedInbox, WaitingDeliveries, known
from gateway.store.planning.contacts import find
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending import send_rows
from gateway.store.sending.lookup import TracedSend, ask, read
from gateway.store.trace_records import PlanRecord


@dataclass(frozen=True, slots=True)
class Talk:
    """What one number has of a customer: the contact, ids of records and sends, what waits."""

    number: str
    contact: Contact
    names: frozenset[str]
    records: tuple[str, ...]  # the latest, oldest first
    waiting: tuple[str, ...]  # the first sends of each lane
    lanes: dict[str, int]  # rank -> how many wait
    unreadable: str = ""  # why what is stored of the contact cannot be read

    @property
    def found(self) -> bool:
        """Say whether anything is known."""
        return bool(self.contact.version or self.records or self.waiting or self.unreadable)


def conversation(store: Store, number: str, name: str, limit: int) -> Talk:
    """Look a customer up by any of their keys, and for the latest `limit` records.

    Raises StoreUnavailableError. What was planned under a former key stands where it was written.
    """
    unreadable = ""
    try:
        contact = find(store, number, name)
    except ScriptError as error:  # what was planned for it is told all the same
        contact, unreadable = Contact(name), sanitize(str(error))
    known = tuple(dict.fromkeys((name, contact.key, *contact.aliases)))
    lanes = {rank: _lane(store, number, rank, known, limit) for rank in (REPLY, BULK)}
    return Talk(
        number,
        contact,
        frozenset(known),
        _records(store, number, known, limit),
        tuple(send for _, first in lanes.values() for send in first),
        {rank: count for rank, (count, _) in lanes.items()},
        unreadable,
    )


def _records(store: Store, number: str, known: tuple[str, ...], limit: int) -> tuple[str, ...]:
    prefix = f"{keys.number(number)}records:"
    told = ask(store, *(("ZREVRANGE", prefix + one, 0, limit - 1, "WITHSCORES") for one in known))
    # Places are given out by the number, so they order the records of several names.
    placed = sorted((place, record) for each in told for record, place in each)
    return tuple(record.decode() for _, record in placed[-limit:])


def _lane(
    store: Store, number: str, rank: str, known: tuple[str, ...], limit: int
) -> tuple[int, list[str]]:
    """Count what waits in a customer's lanes of a rank, and return the first of it."""
    prefix = f"{keys.number(number)}lane:{rank}:"
    counts = ask(store, *(("ZCARD", prefix + one) for one in known))
    first = ask(store, *(("ZRANGE", prefix + one, 0, limit - 1) for one in known))
    return sum(counts), [send.decode() for each in first for send in each]


# Of what could not be read and mentions a customer: so much is told.
MOST_UNREAD = 20
STATUSES = tuple(stage for stage, rung in RUNGS.items() if rung > RUNGS["accepted"])


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event set before a person, because it could not be planned."""

    at: datetime
    error: str
    unreadable: str = ""  # its dead letter, where it could not even be read


@dataclass(frozen=True, slots=True)
class Trace:
    """One event and what followed from it, as far as each of these is known."""

    number: str
    key: str = ""  # "" where no event is known
    kept: KeptEvent | None = None
    known: bool = False
    waits: State | None = None  # where it was not planned
    aside: DeferredDelivery | None = None  # why it was not, where it was set aside
    failed: FailedEvent | None = None
    record: PlanRecord | None = None
    sends: tuple[TracedSend, ...] = ()
    foreign: tuple[str, ...] = ()  # statuses of a message that no send of ours became


@dataclass(frozen=True, slots=True)
class Conversation:
    """One customer of one number: the latest of what was planned, and what waits to be sent."""

    number: str
    contact: Contact
    traces: tuple[Trace, ...]
    lanes: dict[str, int]  # rank -> how many wait
    sends: tuple[TracedSend, ...]  # the first of those that wait and are in no trace above
    unreadable: str = ""  # why what is stored of the contact cannot be read


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and how much of what waits could not be looked through."""

    traces: tuple[Trace, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    unopened: int = 0
    cut: bool = False

    @property
    def found(self) -> bool:
        """Say whether anything is known."""
        return bool(self.traces or self.conversations)


class Traces:
    """Finds them; every method raises StoreUnavailableError."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies
        self._inbox = TracedInbox(store, bodies)

    def of_wamid(self, wamid: str) -> Search:
        """Find a message of a customer, or one that a send of ours became."""

        def find(number: str) -> Trace | None:
            return self._by_wamid(number, wamid)

        if found := self._everywhere(find):
            return Search(found)
        waiting = self._inbox.waiting(lambda one: isinstance(one, Message) and one.id == wamid)
        # What was committed between the two looks was missed by both of them.
        found = self._waiting(waiting) or self._everywhere(find) or self._unread(of_message(wamid))
        return Search(found, unopened=waiting.unopened, cut=waiting.cut)

    def of_send(self, send: str) -> Search:
        """Find a send by its id."""
        return Search(self._everywhere(lambda number: self._by_send(number, send)))

    def of_contact(self, name: str, limit: int) -> Search:
        """Find the latest `limit` records of a customer, what waits in their lanes, and to come.

        `name` is any key of theirs: whatever is known by another one is found as well.
        """
        found = [
            conversation(self._store, one, name, limit) for one in maintenance.numbers(self._store)
        ]
        called = {name}.union(*(one.names for one in found))
        waiting = self._inbox.waiting(lambda one: not called.isdisjoint(names(one)))
        told = tuple(self._conversation(one) for one in found if one.found)
        events = (*self._waiting(waiting), *self._unread(of_customer(called)))
        return Search(events, told, waiting.unopened, waiting.cut)

    def _everywhere(self, find: Callable[[str], Trace | None]) -> tuple[Trace, ...]:
        found = (find(number) for number in maintenance.numbers(self._store))
        return tuple(one for one in found if one)

    def _waiting(self, found: WaitingDeliveries) -> tuple[Trace, ...]:
        return tuple(
            Trace(
                one.event.number,
                one.event.key,
                kept=one,
                waits=found.states[one.delivery],
                aside=deferred.find(self._store, one.delivery),
            )
            for one in found.kept
            if one.event
        )

    def _unread(self, mentions: Mentions) -> tuple[Trace, ...]:
        """Find what could not be read, and mentions whom is looked for."""
        letters = search(self._store, self._bodies, maintenance.numbers(self._store), mentions)
        return tuple(
            Trace(
                letter.number,
                letter.key,
                kept=self._inbox.kept(f"{letter.delivery}/{letter.item}"),
                failed=FailedEvent(letter.at, str(letter.error["reason"]), letter.id),
            )
            for letter in islice(letters, MOST_UNREAD)
        )

    def _by_wamid(self, number: str, wamid: str) -> Trace | None:
        send = send_rows.of_wamid(self._store, number, wamid)
        by_send = self._by_send(number, send) if send else None
        return (
            by_send
            or self._by_event(number, join("message", number, wamid))
            or self._foreign(number, wamid)
        )

    def _by_send(self, number: str, send: str) -> Trace | None:
        (sent,) = read(self._store, self._bodies, number, [send])
        if not sent.stage:
            return None
        record = trace_records.load(self._store, number, sent.record) if sent.record else None
        trace = self._by_event(number, record.key) if record else None
        return trace or Trace(number, sends=(sent,))

    def _by_event(self, number: str, key: str) -> Trace | None:
        (place,) = known(self._store, number, [key])
        record = trace_records.load(self._store, number, digest(key).hex())
        failed, buried = self._failed(number, key)
        if not (place or record or failed):
            return None
        stands = place or buried
        return Trace(
            number,
            key,
            kept=self._inbox.kept(stands) if stands else None,
            known=bool(place),
            failed=failed,
            record=record,
            sends=tuple(read(self._store, self._bodies, number, record.sends)) if record else (),
        )

    def _failed(self, number: str, key: str) -> tuple[FailedEvent | None, str]:
        name = b"event:" + digest(key)
        prefix = keys.number(number).encode()
        score, raw = ask(
            self._store, ("ZSCORE", prefix + b"dead", name), ("GET", prefix + b"dead:" + name)
        )
        if score is None or raw is None:
            return None, ""
        told = orjson.loads(raw)
        return FailedEvent(moment(score), told["error"]), f"{told['delivery']}/{told['item']}"

    def _foreign(self, number: str, wamid: str) -> Trace | None:
        asked = [join("status", number, wamid, stage) for stage in STATUSES]
        places = known(self._store, number, asked)
        told = tuple(stage for stage, place in zip(STATUSES, places, strict=True) if place)
        return Trace(number, known=True, foreign=told) if told else None

    def _conversation(self, found: Talk) -> Conversation:
        records_of = [trace_records.load(self._store, found.number, one) for one in found.records]
        traces = [self._by_event(found.number, one.key) for one in records_of if one]
        told = tuple(one for one in traces if one)
        shown = {sent.id for trace in told for sent in trace.sends}
        rest = [one for one in found.waiting if one not in shown]
        sends = tuple(read(self._store, self._bodies, found.number, rest))
        return Conversation(found.number, found.contact, told, found.lanes, sends, found.unreadable)
