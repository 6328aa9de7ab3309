"""Dry run: plans deliveries and prints what would follow, without doing it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.common.delivery_source import Item
from gateway.cli.common.output import open_console, print_json, progress_bar
from gateway.core.capture.file_format import make_delivery_id
from gateway.core.contacts.consent import UNCHANGED, is_consent_change
from gateway.core.events import Delivery, Event
from gateway.core.formats import pluralize
from gateway.core.planning.batch import Plan, PlanningResult
from gateway.core.planning.decision import RuleDecider
from gateway.core.planning.dry_run import DryRun
from gateway.core.sending.notifications.notification import Notification
from gateway.core.sending.send import Send
from gateway.core.text import printable
from gateway.core.webhook.parser import split
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from gateway.store.tracing.masking import Masking

# The number of events that are loaded and planned at once.
BATCH = 256


@dataclass(frozen=True, slots=True)
class Planning:
    """Result of planning: a send or a notification that would follow, or why planning failed."""

    where: str
    number: str
    rule: str = ""
    send: Send | None = None
    error: str = ""
    notification: Notification | None = None

    def to_dict(self, masking: Masking) -> Mapping[str, Any]:
        """Return it in JSON form."""
        if self.notification:
            notified = {"number": self.number, "rule": self.rule}
            text = masking.quote(self.notification.text)
            return {"what": "notification", "where": self.where, **notified, "text": text}
        if self.send is None:
            return {"what": "failure", "where": self.where, "error": self.error}
        fields = {
            "what": "send",
            "where": self.where,
            "number": self.number,
            "rule": self.rule,
            "to": masking.person(self.send.lane),
            "request": masking.request(self.send.body),
        }
        return fields | ({"body": self.send.body} if masking.reveal else {})


@dataclass(slots=True)
class DryRunCounts:
    """Counts of a dry run so far."""

    rulebook: str  # its version
    deliveries: int = 0
    events: Counter[str] = field(default_factory=Counter)  # by kind
    known: int = 0
    failures: int = 0
    sends: Counter[str] = field(default_factory=Counter)  # by rule
    notifications: int = 0
    calls: int = 0  # of services, which are not made
    consents: int = 0  # changed wishes about marketing
    changes: int = 0  # of contacts otherwise: tags, variables, mutes and hand-overs
    silent: Mapping[str, int] = field(default_factory=dict)  # messages without an answer, by reason


class DryRunPlanner:
    """Plans a replay in batches without writing to the store, and counts the results."""

    def __init__(self, store: Store, rulebook: RuleDecider) -> None:
        """Take the store with contacts and known events, and the rules."""
        self._store = store
        self._dry_run = DryRun(rulebook)
        self.counts = DryRunCounts(rulebook.version, silent=self._dry_run.silent)

    def plan(self, items: Iterable[Item], count: int, *, silent: bool) -> Iterator[Planning]:
        """Yield what would follow, in order. Raises StoreUnavailableError."""
        events: list[Event] = []
        where: dict[str, str] = {}
        with progress_bar(silent=silent) as progress:
            for item in progress.track(items, total=count, description="Planning"):
                delivery = self._with_unique_id(item)
                new_events = split(delivery)
                self.counts.deliveries += 1
                self.counts.events.update(event.kind for event in new_events)
                where[delivery.id] = item.where
                events += new_events
                while len(events) >= BATCH:
                    yield from self._plan_batch(events[:BATCH], where)
                    events = events[BATCH:]
                    where = {delivery.id: item.where}
            yield from self._plan_batch(events, where)

    def _with_unique_id(self, item: Item) -> Delivery:
        """Give a delivery a unique id: ids may repeat across files."""
        delivery_id = make_delivery_id(item.delivery.received_at, self.counts.deliveries)
        return replace(item.delivery, id=delivery_id)

    def _plan_batch(self, events: Sequence[Event], where: Mapping[str, str]) -> Iterator[Planning]:
        numbers: dict[str, list[Event]] = {}
        for event in events:
            numbers.setdefault(event.number, []).append(event)
        for view in load(self._store, numbers):
            for result in self._dry_run.plan(view, numbers[view.number]):
                yield from self._iter_outcomes(result, where)

    def _iter_outcomes(
        self, result: PlanningResult, where: Mapping[str, str]
    ) -> Iterator[Planning]:
        self.counts.known += result.known
        self.counts.failures += len(result.failures)
        for failure in result.failures:
            event = failure.event
            yield Planning(where[event.delivery], event.number, error=failure.error)
        for plan in result.plans:
            self._count_changes(plan)
            self.counts.calls += len(plan.calls)
            yield from self._iter_sends(plan, where)

    def _count_changes(self, plan: Plan) -> None:
        made = [
            change
            for record in plan.records
            for change in record.changes
            if not change.startswith(UNCHANGED)
        ]
        consents = sum(map(is_consent_change, made))
        self.counts.consents += consents
        self.counts.changes += len(made) - consents

    def _iter_sends(self, plan: Plan, where: Mapping[str, str]) -> Iterator[Planning]:
        causes = {record.id: record.event.delivery for record in plan.records}
        notified = {id_: one.event.delivery for one in plan.records for id_ in one.notifications}
        for send in plan.sends:
            self.counts.sends[send.rule] += 1
            cause = where.get(causes.get(send.record, ""), "")
            yield Planning(cause, plan.number, send.rule, send)
        for one in plan.notifications:
            self.counts.notifications += 1
            rule, cause = str(one.payload["rule"]), notified.get(one.id, "")
            yield Planning(where.get(cause, ""), plan.number, rule, notification=one)


# The number of lines shown in the terminal; JSON has all.
SHOWN = 20


def print_outcomes(
    outcomes: Iterable[Planning], counts: DryRunCounts, masking: Masking, *, json: bool
) -> None:
    """Print each send as it is found, and the counts at the end."""
    if json:
        for one in outcomes:
            print_json(one.to_dict(masking), one_line=True)
        print_json({"what": "summary", **counts_to_dict(counts)}, one_line=True)
        return
    shown = 0
    for one in outcomes:
        shown += 1
        if shown <= SHOWN:
            Console(highlight=False, soft_wrap=True).print(_render_outcome(one, masking))
    if shown > SHOWN:
        typer.echo(f"… and {shown - SHOWN:,} more; --json has all.")
    open_console().print(_render_counts(counts))


def counts_to_dict(counts: DryRunCounts) -> Mapping[str, Any]:
    """Return the counts in JSON form."""
    return {
        "deliveries": counts.deliveries,
        "events": dict(counts.events),
        "known": counts.known,
        "failures": counts.failures,
        "rulebook": counts.rulebook,
        "sends": dict(counts.sends),
        "notifications": counts.notifications,
        "calls": counts.calls,
        "changed_wishes": counts.consents,
        "changed_contacts": counts.changes,
        "without_answer": dict(counts.silent),
    }


def _render_outcome(outcome: Planning, masking: Masking) -> Text:
    if outcome.notification:
        text = f"notification  {masking.quote(outcome.notification.text)}"
        return Text.assemble(
            (f"{outcome.where}  ", "dim"), (f"rule {outcome.rule}  ", "green"), printable(text)
        )
    if outcome.send is None:
        return Text.assemble(("failure  ", "red"), printable(f"{outcome.where}  {outcome.error}"))
    request = f"to {masking.person(outcome.send.lane)}  {masking.request(outcome.send.body)}"
    return Text.assemble(
        (f"{outcome.where}  ", "dim"), (f"rule {outcome.rule}  ", "green"), printable(request)
    )


def _render_counts(counts: DryRunCounts) -> Table:
    rows = [
        ("deliveries", counts.deliveries, ""),
        ("events", counts.events.total(), _format_counts(counts.events)),
        ("known already", counts.known, "without effect" if counts.known else ""),
        ("sends", counts.sends.total(), _format_counts(counts.sends)),
    ]
    rare = [
        ("no answer", sum(counts.silent.values()), _format_counts(counts.silent)),
        ("notifications", counts.notifications, "to the operator"),
        ("calls", counts.calls, "of services, whose answers are not known here"),
        ("changed wishes", counts.consents, "about marketing: opted out or in"),
        ("other changes", counts.changes, "of contacts: tags, variables, mutes and hand-overs"),
        ("failures", counts.failures, "of planning: a bug of the rules or of the gateway"),
    ]
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for what, count, more in [*rows, *(row for row in rare if row[1])]:
        table.add_row(Text(what, "dim"), f"{count:,}", Text(printable(more)))
    table.add_row(Text("rulebook", "dim"), counts.rulebook)
    return table


def _format_counts(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count:,}" for name, count in most)


def summarize(counts: DryRunCounts) -> str:
    """Summarize in a few words what would follow."""
    new = counts.events.total() - counts.known
    return f"{pluralize(new, 'new event')}, {pluralize(counts.sends.total(), 'send')}"
