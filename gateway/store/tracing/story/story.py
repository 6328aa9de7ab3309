"""Story of an event in order: stored, planned, sent, statuses, and how it ended; pure.

Unknown parts are reported as plainly as known ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.campaigns.recipient_state import read_campaign_send_id
from gateway.core.contacts.contact import Contact
from gateway.core.formats import format_duration, format_time, pluralize
from gateway.store.inbox.lookup import KeptEvent
from gateway.store.tracing.masking import Masking, no_account
from gateway.store.tracing.records import PlanRecord
from gateway.store.tracing.story.calls import describe_call
from gateway.store.tracing.story.forwards import describe_forward
from gateway.store.tracing.story.notifications import describe_notification
from gateway.store.tracing.story.sends import describe_send
from gateway.store.tracing.story.story_line import StoryLine
from gateway.store.tracing.trace import Conversation, Search, Trace

TOO_OLD = "older than max_age, so the message that rules had for it was left out"
NOTHING = "not known here: never kept, or more than 8 days ago"


@dataclass(frozen=True, slots=True)
class Teller:
    """Formats stories as of `now`; records are kept for `retention`."""

    masking: Masking
    now: datetime
    retention: timedelta
    name_of: Callable[[str], str] = no_account  # the account of a number

    def tell(self, search: Search) -> list[StoryLine]:
        """Return the story of every trace found, and the places that could not be searched."""
        lines = [self._conversation(one) for one in search.conversations]
        lines += [self._trace(one) for one in search.traces]
        if not search.has_results:
            lines.append(StoryLine("nothing", NOTHING, tone="bad"))
        if search.is_truncated:
            lines.append(StoryLine("more waits", "not all of it was looked through", tone="odd"))
        if search.unopened:
            unopened = pluralize(search.unopened, "delivery", "deliveries")
            details = f"{unopened} cannot be opened here: is a key missing?"
            lines.append(StoryLine("more waits", details, tone="odd"))
        return lines

    def _trace(self, trace: Trace) -> StoryLine:
        head = self._head(trace)
        if trace.foreign_statuses:
            details = f"{', '.join(trace.foreign_statuses)}; no send of ours became this message"
            return head.with_below(StoryLine("statuses", details, tone="odd"))
        return head.with_below(
            *self._data_lines(trace),
            *self._kept_lines(trace),
            *self._planned_lines(trace),
            *self._send_lines(trace),
        )

    def _number(self, number: str) -> str:
        account = self.name_of(number)
        return f"number {number} of {account}" if account else f"number {number}"

    def _head(self, trace: Trace) -> StoryLine:
        number = self._number(trace.number)
        if not trace.key:
            return StoryLine(number)
        event = trace.kept_event.event if trace.kept_event else None
        details = [self.masking.event(event)] if event else []
        kind, *_, wamid = trace.key.split("|")
        # The key of an event other than a message may contain the customer's number.
        name = f"message {wamid}" if kind == "message" else kind
        return StoryLine(name, " ".join([*details, f"to {number}"]))

    def _data_lines(self, trace: Trace) -> Iterator[StoryLine]:
        """Show what Meta tells of the event, by path."""
        event = trace.kept_event.event if trace.kept_event else None
        fields = self.masking.fields(event) if event else {}
        if fields:
            below = (StoryLine(name, value) for name, value in fields.items())
            yield StoryLine("data").with_below(*below)

    def _conversation(self, conversation: Conversation) -> StoryLine:
        """Describe what was planned for a customer, and what waits to be sent to them."""
        last, opted_out_at = conversation.contact.last_inbound_at, conversation.contact.opted_out_at
        lines = [StoryLine("wrote last", "", last) if last else StoryLine("wrote last", "never")]
        if conversation.unreadable:
            lines = [
                StoryLine(
                    "unreadable", f"{conversation.unreadable}: its events are set aside", tone="odd"
                )
            ]
        if called_at := conversation.contact.called_at:
            lines.append(StoryLine("called last", "", called_at))
        if opted_out_at:
            lines.append(StoryLine("opted out", "of marketing", opted_out_at, "odd"))
        lines += self._silence_lines(conversation.contact)
        lines += self._note_lines(conversation.contact)
        if conversation.has_more:
            lines.append(StoryLine("older", "there are more records: --limit shows up to 100"))
        if not conversation.traces:
            lines.append(
                StoryLine("planned", f"nothing in the last {format_duration(self.retention)}")
            )
        lines += [self._trace(one) for one in conversation.traces]
        for priority, count in conversation.lanes.items():
            if count:
                lines.append(
                    StoryLine(f"{priority} lane", f"{pluralize(count, 'send')} in it", tone="odd")
                )
        lines += [describe_send(one, self.masking) for one in conversation.sends]
        return StoryLine(f"customer of {self._number(conversation.number)}").with_below(*lines)

    def _silence_lines(self, contact: Contact) -> Iterator[StoryLine]:
        """Say until when rules send nothing, and whether a person answers meanwhile."""
        if (until := contact.muted_until) and until > self.now:
            yield StoryLine("muted", f"rules send nothing until {format_time(until)}", tone="odd")
        if (handed := contact.hand_over) and handed.until > self.now:
            details = f"a person answers until {format_time(handed.until)}: {handed.cause}"
            yield StoryLine("handed over", details, handed.since, "odd")

    def _note_lines(self, contact: Contact) -> Iterator[StoryLine]:
        """Show the tags and variables that rules noted."""
        if contact.tags:
            yield StoryLine("tags", ", ".join(contact.tags))
        if contact.vars:
            values = (f"{name} {self.masking.quote(text)}" for name, text in contact.vars.items())
            yield StoryLine("variables", ", ".join(values))

    def _kept_lines(self, trace: Trace) -> Iterator[StoryLine]:
        kept = trace.kept_event
        if kept is None:
            yield from _cause_lines(trace)
            return
        details = [
            f"delivery {kept.delivery}, item {kept.item}",
            _describe_origin(kept),
            kept.problem,
        ]
        yield StoryLine("kept", "; ".join(filter(None, details)), kept.at)
        if deferred := trace.deferred:
            next_at = format_time(deferred.next_at)
            tried = f"tried {pluralize(deferred.attempts, 'time')}, next at {next_at}"
            yield StoryLine(
                "set aside", f"{deferred.last_error['reason']}; {tried}", deferred.at, "odd"
            )
        if trace.waiting_state == "given_up":
            yield StoryLine("planned", "never: a person gave its delivery up", tone="bad")
        elif trace.waiting_state:
            how = "set aside" if trace.waiting_state == "aside" else "still waiting"
            yield StoryLine("planned", f"not yet: {how} in partition {kept.partition}", tone="odd")

    def _planned_lines(self, trace: Trace) -> Iterator[StoryLine]:
        if trace.failure:
            details = f"planning failed: {trace.failure.error}"
            if letter_id := trace.failure.dead_letter_id:
                details = (
                    f"not readable ({trace.failure.error}): gateway dead-letters show {letter_id}"
                )
            yield StoryLine("dead letter", details, trace.failure.at, "bad")
        elif trace.record:
            first = "first contact" if trace.record.first_contact else "not the first contact"
            fired = [
                StoryLine(f"rule {rule}", why, tone="good") for rule, why in trace.record.fired
            ]
            if trace.record.is_too_old:
                fired.append(StoryLine("too old", TOO_OLD, tone="odd"))
            if limited := trace.record.limited:
                fired.append(StoryLine(f"rule {limited[0]}", limited[1], tone="odd"))
            for rule, text in trace.record.alerts:
                fired.append(StoryLine("alert", f"{self.masking.quote(text)}, by rule {rule}"))
            changes = [StoryLine("changed", change, tone="odd") for change in trace.record.changes]
            rulebook = f"rulebook {trace.record.rulebook}, {first}"
            details = rulebook if fired else _no_rule(trace.record, rulebook)
            yield StoryLine("planned", details, trace.record.planned_at).with_below(
                *fired, *changes
            )
        elif trace.is_known:
            yield StoryLine("planned", self._explain_no_record(trace))

    def _explain_no_record(self, trace: Trace) -> str:
        """Explain why there is no record, as far as that is known."""
        if trace.kept_event and self.now - trace.kept_event.at > self.retention:
            old = f"records are kept for {format_duration(self.retention)}"
            return f"known, but there is no record: no rule fired, or it has gone ({old})"
        return "known, but no rule fired: no record is kept"

    def _send_lines(self, trace: Trace) -> Iterator[StoryLine]:
        yield from (describe_send(one, self.masking) for one in trace.sends)
        yield from (describe_notification(one, self.masking) for one in trace.notifications)
        for forward in trace.forwards:
            yield describe_forward(forward)
            yield from self._answer_lines(trace, forward.id)
        for call in trace.calls:
            yield describe_call(call, self.masking)
            yield from self._answer_lines(trace, call.id)

    def _answer_lines(self, trace: Trace, asked: str) -> Iterator[StoryLine]:
        if answer := trace.answers.get(asked):
            yield from (*self._planned_lines(answer), *self._send_lines(answer))


def _no_rule(record: PlanRecord, rulebook: str) -> str:
    if until := record.muted_until:
        return f"no rule fired, and none sends before {format_time(until)}: a person answers"
    return "no rule was asked" if record.changes else f"{rulebook}: no rule fired"


def _cause_lines(trace: Trace) -> Iterator[StoryLine]:
    """Say by what sends were caused that no event was found for."""
    if any(send.is_requested for send in trace.sends):
        return
    if found := next(filter(None, (read_campaign_send_id(one.id) for one in trace.sends)), None):
        campaign, row = found
        what = f"{campaign}, recipient {row + 1:,}: gateway campaigns show {campaign}"
        yield StoryLine("campaign", what)
        return
    yield StoryLine("kept", "by which event it was caused is not known any more", tone="odd")


def _describe_origin(kept: KeptEvent) -> str:
    if kept.problem:
        return ""
    if kept.origin == "replay":
        return "replayed by a person"
    if kept.origin != "meta":
        return "put back by the gateway itself"
    # Releases before several accounts stored the place of the secret in its list, from 0.
    secret = str(int(kept.secret) + 1) if kept.secret.isdecimal() else kept.secret
    whose = f" of {kept.account}" if kept.account else ""
    return f"signed with app secret {secret}{whose}" if secret else ""
