"""The story of an event in order: kept, planned, sent, told of, and how it ended; pure.

What is not known is told as plainly as what is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.cli.common.masking import Masking
from gateway.cli.common.output import StoryLine, clock, many, span
from gateway.cli.operate.trace.sends import of_send
from gateway.store.inbox.lookup import KeptEvent
from gateway.store.traces import Conversation, Search, Trace

NOTHING = "not known here: never kept, or more than 8 days ago"


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells stories as of `now`, where records are kept for `retention`."""

    words: Masking
    now: datetime
    retention: timedelta

    def tell(self, found: Search) -> list[StoryLine]:
        """Tell all that was found, and what could not be looked through."""
        lines = [self._conversation(one) for one in found.conversations]
        lines += [self._trace(one) for one in found.traces]
        if not found.found:
            lines.append(StoryLine("nothing", NOTHING, tone="bad"))
        if found.cut:
            lines.append(StoryLine("more waits", "not all of it was looked through", tone="odd"))
        if found.unopened:
            closed = many(found.unopened, "delivery", "deliveries")
            told = f"{closed} cannot be opened here: is a key missing?"
            lines.append(StoryLine("more waits", told, tone="odd"))
        return lines

    def _trace(self, trace: Trace) -> StoryLine:
        head = self._head(trace)
        if trace.foreign:
            told = f"{', '.join(trace.foreign)}; no send of ours became this message"
            return head.then(StoryLine("statuses", told, tone="odd"))
        return head.then(*self._kept(trace), *self._planned(trace), *self._sends(trace))

    def _head(self, trace: Trace) -> StoryLine:
        number = f"number {trace.number}"
        if not trace.key:
            return StoryLine(number)
        event = trace.kept.event if trace.kept else None
        told = [self.words.event(event)] if event else []
        kind, *_, wamid = trace.key.split("|")
        # What is no message may have the customer's number in its key.
        name = f"message {wamid}" if kind == "message" else kind
        return StoryLine(name, " ".join([*told, f"to {number}"]))

    def _conversation(self, found: Conversation) -> StoryLine:
        """Tell what was planned for a customer, and what waits to be sent to them."""
        last, out = found.contact.last_inbound_at, found.contact.opted_out_at
        lines = [StoryLine("wrote last", "", last) if last else StoryLine("wrote last", "never")]
        if found.unreadable:
            lines = [
                StoryLine("unreadable", f"{found.unreadable}: its events are set aside", tone="odd")
            ]
        if out:
            lines.append(StoryLine("opted out", "of marketing", out, "odd"))
        if (until := found.contact.muted_until) and until > self.now:
            lines.append(StoryLine("muted", f"rules send nothing until {clock(until)}", tone="odd"))
        if not found.traces:
            lines.append(StoryLine("planned", f"nothing in the last {span(self.retention)}"))
        lines += [self._trace(one) for one in found.traces]
        for rank, count in found.lanes.items():
            if count:
                lines.append(StoryLine(f"{rank} lane", f"{many(count, 'send')} in it", tone="odd"))
        lines += [of_send(one, self.words) for one in found.sends]
        return StoryLine(f"customer of number {found.number}").then(*lines)

    def _kept(self, trace: Trace) -> Iterator[StoryLine]:
        kept = trace.kept
        if kept is None:
            yield StoryLine(
                "kept", "by which event it was caused is not known any more", tone="odd"
            )
            return
        told = [f"delivery {kept.delivery}, item {kept.item}", _signed(kept), kept.problem]
        yield StoryLine("kept", "; ".join(filter(None, told)), kept.at)
        if late := trace.aside:
            tried = f"tried {many(late.attempts, 'time')}, next at {clock(late.next_at)}"
            yield StoryLine("set aside", f"{late.last_error['reason']}; {tried}", late.at, "odd")
        if trace.waits == "given_up":
            yield StoryLine("planned", "never: a person gave its delivery up", tone="bad")
        elif trace.waits:
            how = "set aside" if trace.waits == "aside" else "still waiting"
            yield StoryLine("planned", f"not yet: {how} in partition {kept.partition}", tone="odd")

    def _planned(self, trace: Trace) -> Iterator[StoryLine]:
        if trace.failed:
            told = f"planning failed: {trace.failed.error}"
            if letter := trace.failed.unreadable:
                told = f"not readable ({trace.failed.error}): gateway dead-letters show {letter}"
            yield StoryLine("dead letter", told, trace.failed.at, "bad")
        elif trace.record:
            first = "first contact" if trace.record.first_contact else "not the first contact"
            fired = [
                StoryLine(f"rule {rule}", why, tone="good") for rule, why in trace.record.fired
            ]
            changes = [StoryLine("changed", change, tone="odd") for change in trace.record.changes]
            told = f"rulebook {trace.record.rulebook}, {first}" if fired else "no rule was asked"
            yield StoryLine("planned", told, trace.record.planned_at).then(*fired, *changes)
        elif trace.known:
            yield StoryLine("planned", self._no_record(trace))

    def _no_record(self, trace: Trace) -> str:
        """Say why there is no record, as far as that can be told."""
        if trace.kept and self.now - trace.kept.at > self.retention:
            old = f"records are kept for {span(self.retention)}"
            return f"known, but there is no record: no rule fired, or it is too old ({old})"
        return "known, but no rule fired: no record is kept"

    def _sends(self, trace: Trace) -> Iterator[StoryLine]:
        return (of_send(one, self.words) for one in trace.sends)


def _signed(kept: KeptEvent) -> str:
    if kept.problem:
        return ""
    if kept.origin == "replay":
        return "replayed by a person"
    if kept.origin != "meta":
        return "put back by the gateway itself"
    return f"signed with app secret {int(kept.secret) + 1}" if kept.secret.isdecimal() else ""
