"""Chat of a customer with one number: what both sides said, in the order in which it happened.

A number lists the newest hundred records of a contact, and every send of 30 days. May raise
StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.events import Event, Message, PhoneCall
from gateway.store.api.lists.event_list import EventFilter, EventList, ListedEvent
from gateway.store.api.lists.message_list import MessageFilter, MessageList
from gateway.store.body_codec import Bodies
from gateway.store.inbox.lookup import TracedInbox
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import TracedSend
from gateway.store.tracing.records import PlanRecord

_SPOKEN = ("message", "call")


@dataclass(frozen=True, slots=True)
class ChatEntry:
    """Something that one side said: an event of the customer's, or a send of ours."""

    at: datetime
    record: PlanRecord | None = None  # of the event; of a send only its reason counts
    record_id: str = ""
    event: Event | None = field(default=None, repr=False)  # None where it is no longer kept
    send: TracedSend | None = None


@dataclass(frozen=True, slots=True)
class CustomerChat:
    """A page of a chat, the oldest first; `older` is where the page before it ends."""

    entries: tuple[ChatEntry, ...]
    older: datetime | None = None


def read_chat(
    store: Store, bodies: Bodies, number: str, name: str, before: datetime | None, limit: int
) -> CustomerChat:
    """Return the newest page of a chat that ends at a moment, None for now."""
    wanted = EventFilter(contact=name, until=before)
    events = EventList(store, [number], wanted).read_page(None, limit)
    filtered = MessageFilter(recipient=name, until=before)
    sends = MessageList(store, bodies, [number], filtered).read_page(None, limit)
    inbox = TracedInbox(store, bodies)
    said = [entry for one in events.items if (entry := _read_customer_entry(inbox, one))]
    records = {one.id: one.record for one in events.items if isinstance(one.record, PlanRecord)}
    answered = [
        ChatEntry(
            one.send.planned_at, records.get(one.send.record), one.send.record, None, one.send
        )
        for one in sends.items
        if one.send.planned_at and _is_message(one.send)
    ]
    # A list that goes on says nothing of what is older than its last entry.
    ends = [said[-1].at] if events.end and said else []
    ends += [answered[-1].at] if sends.end and answered else []
    oldest = max(ends, default=None)
    entries = [one for one in (*said, *answered) if oldest is None or one.at >= oldest]
    return CustomerChat(tuple(sorted(entries, key=_order)), oldest)


def _read_customer_entry(inbox: TracedInbox, one: ListedEvent) -> ChatEntry | None:
    """Return what the customer did, None for an event that is no word of theirs."""
    record = one.record
    if not isinstance(record, PlanRecord) or not record.planned_at:
        return None
    kind = record.kind or record.key.partition("|")[0]
    kept = inbox.find_event(f"{record.delivery}/{record.item}") if record.delivery else None
    event = kept.event if kept else None
    if kind not in _SPOKEN or (event and not isinstance(event, Message | PhoneCall)):
        return None
    return ChatEntry(record.planned_at, record, one.id, event)


def _is_message(send: TracedSend) -> bool:
    """Say whether a send is no mere read mark or typing indicator, as far as its body is kept."""
    return not send.body or "type" in send.body


def _order(entry: ChatEntry) -> tuple[datetime, bool]:
    """Return what orders entries: an answer is planned in the moment of what it answers."""
    return entry.at, entry.send is not None


def find_entry(entries: Sequence[ChatEntry], wamid: str) -> ChatEntry | None:
    """Return the entry of a message, None where it is on another page."""
    for one in entries:
        message = one.event
        ours = one.send.wamid if one.send else ""
        if wamid and wamid in (ours, message.id if isinstance(message, Message) else ""):
            return one
    return None
