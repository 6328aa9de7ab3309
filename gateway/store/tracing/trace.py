"""Trace: one event and what followed from it, a customer's latest events, and a search for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.core.contacts.contact import Contact
from gateway.core.dead_letters.deferred_delivery import DeferredDelivery
from gateway.store.inbox.lookup import KeptEvent, WaitingState
from gateway.store.outgoing.calls import TracedCall
from gateway.store.outgoing.notifications import TracedNotification
from gateway.store.outgoing.traced_forwards import TracedForward
from gateway.store.sending.lookup import TracedSend
from gateway.store.tracing.records import PlanRecord


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event that became a dead letter because it could not be planned."""

    at: datetime
    error: str
    dead_letter_id: str = ""  # its dead letter, where it could not even be read


@dataclass(frozen=True, slots=True)
class Trace:
    """One event and what followed from it, as far as each of these is known."""

    number: str
    key: str = ""  # "" where no event is known
    kept_event: KeptEvent | None = None
    is_known: bool = False
    waiting_state: WaitingState | None = None  # where it was not planned
    deferred: DeferredDelivery | None = None  # why it was not, where it was deferred
    failure: FailedEvent | None = None
    record: PlanRecord | None = None
    sends: tuple[TracedSend, ...] = ()
    notifications: tuple[TracedNotification, ...] = ()
    forwards: tuple[TracedForward, ...] = ()
    calls: tuple[TracedCall, ...] = ()
    # By the id of a call or a forward, what its answer became.
    answers: Mapping[str, "Trace"] = field(default_factory=dict)
    foreign_statuses: tuple[str, ...] = ()  # statuses of a message that is of no send of ours


@dataclass(frozen=True, slots=True)
class Conversation:
    """One customer of one number: the latest of what was planned, and the sends that wait."""

    number: str
    contact: Contact
    traces: tuple[Trace, ...]
    lanes: dict[str, int]  # priority -> how many wait
    sends: tuple[TracedSend, ...]  # the first of those that wait and are in no trace above
    unreadable: str = ""  # why the stored contact cannot be read
    has_more: bool = False  # older records


@dataclass(frozen=True, slots=True)
class Search:
    """Search result, and how many waiting deliveries could not be searched."""

    traces: tuple[Trace, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    unopened: int = 0
    is_truncated: bool = False

    def of_account(self, name: str, has_number: Callable[[str], bool]) -> "Search":
        """Return what concerns one account: its numbers, and deliveries without a number to it."""

        def concerns(trace: Trace) -> bool:
            if trace.number:
                return has_number(trace.number)
            return trace.kept_event is not None and trace.kept_event.account == name

        return replace(
            self,
            traces=tuple(filter(concerns, self.traces)),
            conversations=tuple(one for one in self.conversations if has_number(one.number)),
        )

    @property
    def has_results(self) -> bool:
        """Return whether anything is known."""
        return bool(self.traces or self.conversations)
