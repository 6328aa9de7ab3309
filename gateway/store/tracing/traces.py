"""Traces: everything the store knows of a message, a send or a customer."""

from collections.abc import Callable, Sequence
from itertools import islice

import orjson

from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import Message
from gateway.core.forwards.forward import forward_id
from gateway.core.forwards.receiver_answer import forwarded_event, receiver_answer_key
from gateway.core.sending.send import STATUS_RANK
from gateway.core.services.answer import answer_key, called_by
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.damaged import Mentions, customer_matcher, message_matcher
from gateway.core.webhook.event_keys import digest, join
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters.unreadable import search_dead_letters
from gateway.store.inbox import deferred
from gateway.store.inbox.lookup import (
    TracedInbox,
    WaitingDeliveries,
    find_event_refs,
)
from gateway.store.outgoing.calls import read_calls
from gateway.store.outgoing.notifications import read_notifications
from gateway.store.outgoing.traced_forwards import TracedForward, read_event_forwards
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.sending.lookup import read_sends, run_commands
from gateway.store.tracing import records
from gateway.store.tracing.contact_lookup import ContactLookup, look_up_contact
from gateway.store.tracing.records import DamagedRecord, DamagedRecordError, PlanRecord
from gateway.store.tracing.trace import Conversation, FailedEvent, Search, Trace

# How many unreadable events that mention a customer are shown.
MOST_UNREAD = 20
STATUSES = tuple(stage for stage, rung in STATUS_RANK.items() if rung > STATUS_RANK["accepted"])


class Traces:
    """Finds traces; every method raises StoreUnavailableError."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies
        self._inbox = TracedInbox(store, bodies)

    def find_by_wamid(self, wamid: str) -> Search:
        """Find a message of a customer, or the message of a send of ours."""

        def find_in_number(number: str) -> Trace | None:
            return self._by_wamid(number, wamid)

        if traces := self._in_all_numbers(find_in_number):
            return Search(traces)
        waiting = self._inbox.find_waiting(lambda one: isinstance(one, Message) and one.id == wamid)
        # Events committed between the two looks were missed by both of them.
        traces = (
            self._waiting_traces(waiting)
            or self._in_all_numbers(find_in_number)
            or self._unreadable_traces(message_matcher(wamid))
        )
        return Search(traces, unopened=waiting.unopened, is_truncated=waiting.is_truncated)

    def find_by_send(self, send: str) -> Search:
        """Find a send by its id, or the event of a notification or a call."""

        def find_in_number(number: str) -> Trace | None:
            return (
                self._by_send(number, send)
                or self._by_notification(number, send)
                or self._by_call(number, send)
            )

        return Search(self._in_all_numbers(find_in_number))

    def find_by_record(self, number: str, record: str) -> Trace | None:
        """Find the event of a record, None where nothing is left of it.

        Raises DamagedRecordError.
        """
        (found,) = records.read_records(self._store, number, [record])
        if isinstance(found, DamagedRecord):
            raise DamagedRecordError(found.reason)
        return self._by_event(number, found.key) if found else None

    def find_by_contact(self, name: str, limit: int) -> Search:
        """Find a customer's latest `limit` records, and what waits in their lanes and the inbox.

        `name` is any key of theirs: what is known by another key is found as well.
        """
        lookups = [
            look_up_contact(self._store, one, name, limit)
            for one in number_list.numbers(self._store)
        ]
        all_names = {name}.union(*(one.names for one in lookups))
        waiting = self._inbox.find_waiting(lambda one: not all_names.isdisjoint(contact_keys(one)))
        conversations = tuple(self._to_conversation(one) for one in lookups if one.is_known)
        events = (
            *self._waiting_traces(waiting),
            *self._unreadable_traces(customer_matcher(all_names)),
        )
        return Search(events, conversations, waiting.unopened, waiting.is_truncated)

    def _in_all_numbers(self, find: Callable[[str], Trace | None]) -> tuple[Trace, ...]:
        traces = (find(number) for number in number_list.numbers(self._store))
        return tuple(one for one in traces if one)

    def _waiting_traces(self, waiting: WaitingDeliveries) -> tuple[Trace, ...]:
        return tuple(
            Trace(
                one.event.number,
                one.event.key,
                kept_event=one,
                waiting_state=waiting.states[one.delivery],
                deferred=deferred.find(self._store, one.delivery),
            )
            for one in waiting.events
            if one.event
        )

    def _unreadable_traces(self, mentions: Mentions) -> tuple[Trace, ...]:
        """Find unreadable events that mention the customer."""
        letters = search_dead_letters(
            self._store, self._bodies, number_list.numbers(self._store), mentions
        )
        return tuple(
            Trace(
                letter.number,
                letter.key,
                kept_event=self._inbox.find_event(f"{letter.delivery}/{letter.item}"),
                failure=FailedEvent(letter.at, str(letter.error["reason"]), letter.id),
            )
            for letter in islice(letters, MOST_UNREAD)
        )

    def _by_wamid(self, number: str, wamid: str) -> Trace | None:
        send = send_rows.find_by_wamid(self._store, number, wamid)
        by_send = self._by_send(number, send) if send else None
        return (
            by_send
            or self._by_event(number, join("message", number, wamid))
            or self._foreign_trace(number, wamid)
        )

    def _by_send(self, number: str, send: str) -> Trace | None:
        (sent,) = read_sends(self._store, self._bodies, number, [send])
        if not sent.stage and not sent.damage:
            return None
        record = records.load(self._store, number, sent.record) if sent.record else None
        trace = self._by_event(number, self._asking_event(number, record.key)) if record else None
        return trace or Trace(number, sends=(sent,))

    def _asking_event(self, number: str, key: str) -> str:
        """Return the event that was answered by a service or receiver, else the event itself."""
        if forwarded := forwarded_event(key):
            return forwarded
        call = called_by(key)
        (found,) = read_calls(self._store, number, [call]) if call else (None,)
        return str(found.payload.get("event", "")) if found and found.stage else key

    def _by_call(self, number: str, call: str) -> Trace | None:
        (found,) = read_calls(self._store, number, [call])
        if not found.stage:
            return None
        trace = self._by_event(number, str(found.payload.get("event", "")))
        return trace or Trace(number, calls=(found,))

    def _by_notification(self, number: str, notification: str) -> Trace | None:
        (found,) = read_notifications(self._store, number, [notification])
        if not found.stage:
            return None
        trace = self._by_event(number, str(found.payload.get("event", "")))
        return trace or Trace(number, notifications=(found,))

    def _by_event(self, number: str, key: str) -> Trace | None:
        (event_ref,) = find_event_refs(self._store, number, [key])
        record = records.load(self._store, number, digest(key).hex())
        failure, dead_letter_ref = self._find_failure(number, key)
        if not (event_ref or record or failure):
            return None
        kept_ref = event_ref or dead_letter_ref
        planned = record.forwards if record else ()
        forwards = read_event_forwards(self._store, number, key, planned)
        return Trace(
            number,
            key,
            kept_event=self._inbox.find_event(kept_ref) if kept_ref else None,
            is_known=bool(event_ref),
            failure=failure,
            record=record,
            sends=tuple(read_sends(self._store, self._bodies, number, record.sends))
            if record
            else (),
            notifications=read_notifications(self._store, number, record.notifications)
            if record
            else (),
            forwards=forwards,
            calls=read_calls(self._store, number, record.calls) if record else (),
            answers=self._answers(number, key, record, forwards),
        )

    def _answers(
        self, number: str, key: str, record: PlanRecord | None, forwards: Sequence[TracedForward]
    ) -> dict[str, Trace]:
        keys_of = {call: answer_key(call) for call in record.calls} if record else {}
        own = (one for one in forwards if one.id == forward_id(key, one.receiver))
        keys_of |= {one.id: receiver_answer_key(one.receiver, key) for one in own}
        found = ((asked, self._by_event(number, one)) for asked, one in keys_of.items())
        return {asked: trace for asked, trace in found if trace}

    def _answered_trace(self, trace: Trace) -> Trace:
        """Return the trace of the message that a receiver answered, if this is of the answer."""
        forwarded = forwarded_event(trace.key)
        return (self._by_event(trace.number, forwarded) if forwarded else None) or trace

    def _find_failure(self, number: str, key: str) -> tuple[FailedEvent | None, str]:
        name = b"event:" + digest(key)
        prefix = keys.number(number).encode()
        score, raw = run_commands(
            self._store, ("ZSCORE", prefix + b"dead", name), ("GET", prefix + b"dead:" + name)
        )
        if score is None or raw is None:
            return None, ""
        dead_letter = orjson.loads(raw)
        return FailedEvent(
            datetime_from_ms(score), dead_letter["error"]
        ), f"{dead_letter['delivery']}/{dead_letter['item']}"

    def _foreign_trace(self, number: str, wamid: str) -> Trace | None:
        status_keys = [join("status", number, wamid, stage) for stage in STATUSES]
        event_refs = find_event_refs(self._store, number, status_keys)
        stages = tuple(stage for stage, place in zip(STATUSES, event_refs, strict=True) if place)
        return Trace(number, is_known=True, foreign_statuses=stages) if stages else None

    def _to_conversation(self, lookup: ContactLookup) -> Conversation:
        records_of = [records.load(self._store, lookup.number, one) for one in lookup.records]
        maybe_traces = [self._by_event(lookup.number, one.key) for one in records_of if one]
        answered = {answer_key(call) for one in records_of if one for call in one.calls}
        own = (one for one in maybe_traces if one and one.key not in answered)
        found_traces = tuple({one.key: one for one in map(self._answered_trace, own)}.values())
        traced_sends = {sent.id for trace in maybe_traces if trace for sent in trace.sends}
        rest = [one for one in lookup.waiting if one not in traced_sends]
        sends = tuple(read_sends(self._store, self._bodies, lookup.number, rest))
        return Conversation(
            lookup.number, lookup.contact, found_traces, lookup.lanes, sends, lookup.unreadable,
            lookup.has_more,
        )  # fmt: skip
