"""Tally of a batch of events: what followed from them, for the wake-ups and for the log."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Event
from gateway.core.planning.batch import Plan
from gateway.core.sending.resend_policy import revealed_gap
from gateway.core.sending.send import StatusUpdate

# Rules, sends and statuses that the log line of a batch names.
MOST_NAMED = 5


@dataclass(slots=True)
class BatchTally:
    """Results of a batch so far."""

    sends: Counter[str] = field(default_factory=Counter)  # by number
    notifications: Counter[str] = field(default_factory=Counter)  # by number
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # by number and service
    forwards: Counter[str] = field(default_factory=Counter)  # by number
    fired_rules: dict[str, str] = field(
        default_factory=dict
    )  # rule -> why, in the rule's own words
    refusals: Counter[str] = field(default_factory=Counter)  # by event
    deferred: dict[str, DeferReason] = field(default_factory=dict)  # by delivery
    known: Counter[str] = field(default_factory=Counter)  # duplicates: statuses, and others
    named_sends: list[str] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    gap: timedelta = timedelta(0)  # in which statuses were held up

    def add_known(self, events: int, statuses: int) -> None:
        """Add events that had their effect before, of which so many are statuses."""
        self.known.update({"status": statuses, "event": events - statuses})

    def add_plan(self, committed: Plan) -> None:
        """Add the results of a committed plan."""
        if committed.sends:
            self.sends[committed.number] += len(committed.sends)
        for notification in committed.notifications:
            waits = self.forwards if notification.receiver else self.notifications
            waits[committed.number] += 1
        self.calls.update((committed.number, call.service) for call in committed.calls)
        if committed.forwards:
            self.forwards[committed.number] += len(committed.forwards)
        for one in (one for record in committed.records for one in record.fired):
            if len(self.fired_rules) < MOST_NAMED:
                self.fired_rules.setdefault(one.rule, one.explanation)
        self._name_sends(committed)
        for update in committed.status_updates:
            self.gap = max(self.gap, revealed_gap(update))

    def _name_sends(self, committed: Plan) -> None:
        """Name the sends that were planned, and those that statuses are about, for the log."""
        for send in committed.sends[: MOST_NAMED - len(self.named_sends)]:
            self.named_sends.append(send.id)
        for update in committed.status_updates[: MOST_NAMED - len(self.statuses)]:
            self.statuses.append(_describe_status(update))

    def defer(self, event: Event, reason: DeferReason) -> None:
        """Defer an event's delivery; of several reasons the first counts."""
        self.deferred.setdefault(event.delivery, reason)


def _describe_status(update: StatusUpdate) -> dict[str, Any]:
    """Describe a status for the log: its send and stage, and of a failure Meta's code and title."""
    error = update.error or {}
    failure = {"code": error.get("code"), "title": error.get("title")} if update.error else {}
    return {"send": update.send, "stage": update.stage, **failure}
