"""Seeder: a store as so many events leave it, with all that pages of the console show.

Of the events six in ten belong to messages that a rule answered (the message and three statuses), a
tenth of whose sends are not compacted yet; of the others most are statuses of messages that clients
of the API asked for. As many answers are dead letters as one number keeps. Everything came within
the time that the seeding takes, so nothing is old enough to be trimmed.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.console.audit_log import MOST_ENTRIES
from gateway.store.planning.changed_contact import change_contact
from gateway.store.redis.client import Call, Store
from gateway.store.sending.compaction import Compaction
from tests.bench.console.copies import CopiedNames, Copier
from tests.bench.console.stories import SAMPLES, reference_of, write_stories
from tests.bench.room import PREFIX, WEEK, customer
from tests.support.factories import NUMBER
from tests.support.store.campaigns import a_campaign
from tests.support.store.raw import raw

AT_ONCE = 200  # copies in a call
IN_A_ROUND = 10_000  # events; the kinds take turns, so that each stands among the newest
EVENTS_OF_A_CUSTOMER = 16
# One customer has a chat of thousands of messages.
BUSY, BUSY_EVERY = "351800000000", 75
REMEMBERED = 1_000  # names of copies, for who wants to look at some
MOST_CAMPAIGNS, RECIPIENTS = 500, 100_000


@dataclass(frozen=True)
class Share:
    """Copies of one kind of story, and which share of all events is theirs."""

    kind: str
    of_events: float
    is_compacted: bool = True


SHARES = (
    Share("answered", 0.54),
    Share("answered", 0.06, is_compacted=False),
    Share("requested", 0.28),
    Share("unanswered", 0.10),
    Share("refused", 0.02, is_compacted=False),
)


class Seeder:
    """Fills one number of a store, in as many steps as its caller likes."""

    def __init__(self, store: Store) -> None:
        """Take an empty store, and write the stories that are copied."""
        self.store, self.events, self._copied = store, 0, [0] * len(SHARES)
        number_list.add_number(store, NUMBER)
        self.stories = write_stories(store)
        self.copies: dict[str, list[CopiedNames]] = {kind: [] for kind in self.stories}
        self._copiers = [
            Copier(store, f"{nth}", self.stories[one.kind][0], is_compacted=one.is_compacted)
            for nth, one in enumerate(SHARES)
        ]
        # The stories become as old as most of their copies.
        done = Compaction(store, Bodies(), WEEK).run([NUMBER], keys.DAY_MS, budget_s=60)
        assert done == 2 * SAMPLES, done
        self._campaigns = self._audited = self._handed_over = 0
        self._random = random.Random(1)

    def fill(self, events: int, seen: Callable[[int], None] = lambda _: None) -> None:
        """Write copies until there are so many events, and what is beside them; report how many."""
        with ThreadPoolExecutor(1, "seeder") as pool:
            writing: list[Future[None]] = []
            for copier, names in self._names_until(events):
                writing.append(pool.submit(copier.copy, names))
                # One call is prepared while the one before is at work.
                if len(writing) > 2:
                    writing.pop(0).result()
                seen(sum(self._count_events()))
            for one in writing:
                one.result()
        self.events = sum(self._count_events())
        self._add_what_is_beside(events)

    def close(self) -> None:
        """Remove what only the seeder reads."""
        for one in self._copiers:
            one.forget()

    def customers(self) -> Sequence[str]:
        """Return some customers who have chats; the first has a long one."""
        return [BUSY, *(one.contact for one in self.copies["answered"][-50:])]

    def _count_events(self) -> Iterator[int]:
        return (
            done * copier.events for done, copier in zip(self._copied, self._copiers, strict=True)
        )

    def _names_until(self, events: int) -> Iterator[tuple[Copier, Sequence[CopiedNames]]]:
        until = self.events
        customers = max(1, events // EVENTS_OF_A_CUSTOMER)
        while until < events:
            until = min(events, until + IN_A_ROUND)
            for nth, share in enumerate(SHARES):
                wanted = round(until * share.of_events / self._copiers[nth].events)
                while self._copied[nth] < wanted:
                    many = min(AT_ONCE, wanted - self._copied[nth])
                    yield (
                        self._copiers[nth],
                        [
                            self._name(nth, share.kind, self._copied[nth] + i, customers)
                            for i in range(many)
                        ],
                    )
                    self._copied[nth] += many

    def _name(self, nth: int, kind: str, i: int, customers: int) -> CopiedNames:
        is_busy = nth == 0 and i % BUSY_EVERY == 0
        contact = BUSY if is_busy else customer(self._random.randrange(customers))
        reference = reference_of(i) if kind == "requested" else ""
        names = self._copiers[nth].new_names(contact, reference)
        remembered = self.copies[kind]
        if len(remembered) < REMEMBERED:
            remembered.append(names)
        elif self._random.random() < 0.01:
            remembered[self._random.randrange(REMEMBERED)] = names
        return names

    def _add_what_is_beside(self, events: int) -> None:
        """Add campaigns, entries of the audit log, and customers who wait for a person."""
        while self._campaigns < min(MOST_CAMPAIGNS, events // 10_000):
            is_large = events >= 1_000_000 and not self._campaigns
            a_campaign(self.store, RECIPIENTS if is_large else 3)
            self._campaigns += 1
        missing = min(MOST_ENTRIES, events // 500) - self._audited
        for start in range(0, missing, AT_ONCE):
            calls = [_audit_call(i) for i in range(start, min(missing, start + AT_ONCE))]
            self.store.call_many(calls)
        self._audited += missing
        waiting = self.copies["answered"][self._handed_over : min(REMEMBERED, events // 5_000)]
        for names in waiting:
            assert change_contact(self.store, NUMBER, names.contact, _hand_over)
        self._handed_over += len(waiting)
        # A commit keeps so many records of a customer in the list.
        raw(self.store).zremrangebyrank(f"{PREFIX}records:{BUSY}", 0, -101)


def _hand_over(contact: Contact, now: datetime) -> Contact:
    return replace(contact, hand_over=HandOver(now, now + timedelta(days=1), "a rule"))


def _audit_call(i: int) -> Call:
    subject = AuditSubject(NUMBER, customer(i))
    entry = AuditEntry("admin", "reveal", "conversation", subject)
    packed = subject.pack()
    args = (MOST_ENTRIES, entry.user, entry.what, entry.about, packed)
    return Call("note_action", keys.CONSOLE, args)
