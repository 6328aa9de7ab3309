"""View of a chat: a bubble for each message, and beside it the rule and its reason; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.events import Message, PhoneCall
from gateway.core.messages.rendering import ChatMessage
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store.api.lists.chat import ChatEntry, CustomerChat, find_entry
from gateway.store.tracing.masking import Masking
from gateway.web.console.rendering import render_bubble

_GONE = "the text is no longer kept"


def view_chat(chat: CustomerChat, contact: Contact, masking: Masking) -> Mapping[str, Any]:
    """Return the entries of a chat, the oldest first, and where the page before it ends."""
    author = contact.name if masking.reveal else ""
    entries = [_view_entry(one, chat.entries, author, masking) for one in chat.entries]
    older = ms_from_datetime(chat.older) - 1 if chat.older else None
    return {"entries": entries, "older": older}


def _view_entry(
    entry: ChatEntry, all_entries: Sequence[ChatEntry], author: str, masking: Masking
) -> Mapping[str, Any]:
    bubble = _bubble(entry, author, masking, _quoted(entry, all_entries, masking))
    send, record = entry.send, entry.record
    rule = send.rule if send else ""
    why = dict(record.fired).get(rule, "") if record and rule else ""
    return {
        "at": entry.at,
        "from": "us" if send else "customer",
        "id": send.id if send else entry.record_id,
        "stage": send.stage if send else None,
        "rule": rule or None,
        "why": why or None,
        "by_hand": _by_hand(entry),
        "error": _error(entry),
        "bubble": render_bubble(bubble),
    }


def _bubble(
    entry: ChatEntry, author: str, masking: Masking, quoted: ChatMessage | None
) -> ChatMessage:
    """Return what the chat shows of an entry, or how long it is where it is masked."""
    time = f"{entry.at:%H:%M}"
    if send := entry.send:
        body = send.body if send.has_text else _note(_GONE)
        shown = body if masking.reveal or not send.has_text else _note(masking.request(send.body))
        return ChatMessage(shown, stage=send.stage, time=time, quoted=quoted)
    return ChatMessage(
        _customer_content(entry, masking), False, time=time, author=author, quoted=quoted
    )


def _customer_content(entry: ChatEntry, masking: Masking) -> Mapping[str, Any]:
    event = entry.event
    if event is None:
        return _note(_GONE)
    if isinstance(event, PhoneCall):
        return _note(f"call: {event.outcome or 'unknown'}")
    if not masking.reveal or not isinstance(event.raw, Mapping):
        text = event.text or "" if isinstance(event, Message) else ""
        return _note(f"{getattr(event, 'type', event.kind)} {masking.quote(text)}")
    return event.raw


def _quoted(
    entry: ChatEntry, all_entries: Sequence[ChatEntry], masking: Masking
) -> ChatMessage | None:
    """Return the message that an entry answers, if it is on this page."""
    source: Any = entry.send.body if entry.send else getattr(entry.event, "raw", None)
    context = source.get("context") if isinstance(source, Mapping) else None
    if not isinstance(context, Mapping):
        return None
    wamid = str(context.get("message_id") or context.get("id") or "")
    found = find_entry(all_entries, wamid)
    return _bubble(found, "", masking, None) if found else None


def _by_hand(entry: ChatEntry) -> str | None:
    """Return who asked for a send that no rule made."""
    if entry.send is None or not entry.send.is_requested:
        return None
    return entry.send.reference or "a client of the API"


def _error(entry: ChatEntry) -> str | None:
    error = entry.send.error if entry.send else {}
    code = f"code {error['code']}: " if error.get("code") else ""
    return code + str(error.get("reason") or error.get("title") or "") if error else None


def _note(text: str) -> Mapping[str, Any]:
    return {"type": "text", "text": {"body": text}}
