"""Conversation pages: who waits for a person, and a customer's chat as both sides saw it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.console.audit import AuditSubject
from gateway.core.console.users import REPLY
from gateway.core.contacts.contact import Contact
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import number_list
from gateway.store.api.lists.chat import read_chat
from gateway.store.api.lists.event_list import EventFilter, EventList
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.planning.changed_contact import find_known
from gateway.store.planning.handed_over import find_handed_over
from gateway.store.tracing.masking import Masking
from gateway.web.api.contacts.view import view_contact
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.forms import new_nonce, read_nonce
from gateway.web.console.handles import conversation_address, read_handle
from gateway.web.console.live import LiveReader, LiveTopic
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
    Redirection,
    not_found,
)
from gateway.web.console.pages.chat_view import view_chat
from gateway.web.console.rendering import render_fragment
from gateway.web.console.reveal import REVEALS, masking_of, reveal

CONVERSATIONS = f"{ROOT}/conversations"
LISTED, ENTRIES = 100, 60
MOST_TEXT = 4_096
# For how long a person takes over, or a customer is muted, as the form offers it.
HOURS: Mapping[str, timedelta] = {
    f"{hours} h": timedelta(hours=hours) for hours in (1, 4, 12, 24, 72)
}
_NUMBER = re.compile(r"[0-9]{1,32}")


async def build_list(visit: PageVisit) -> PageView:
    """Return the customers who wait for a person, and those who wrote last."""
    desk = visit.desk
    panels = await desk.panels(
        waiting=desk.read(read_waiting, visit), recent=desk.read(read_recent, visit)
    )
    return PageView("Conversations", "conversations.html", panels)


async def build_one(visit: PageVisit) -> PageView:
    """Return a customer's chat with one number, and what the number knows of them."""
    number, contact = await _find(visit)
    masking = await masking_of(visit, _what(number, contact))
    before = _moment(visit.query.get("before", ""))
    chat = await visit.desk.read(_read_chat, visit.desk, number, contact, before, masking)
    part = f"{number}/{visit.path['handle']}"
    data = {
        **chat,
        "address": f"{CONVERSATIONS}/{part}",
        "contact": _mask(view_contact(number, contact, datetime.now(UTC)), masking),
        "revealed": masking.reveal,
        "may_reply": visit.user.may(REPLY),
        "nonce": new_nonce(),
        "hours": list(HOURS),
        "is_newest": before is None,
    }
    topics = (f"conversation/{part}",) if before is None else ()
    return PageView("Conversation", "conversation.html", data, topics)


async def read_live(reader: LiveReader) -> str:
    """Return the newest page of a chat for the live stream, masked as for the page."""
    number, _, handle = reader.rest.partition("/")
    desk = reader.desk
    path = {"number": number, "handle": handle}
    visit = PageVisit(reader.user, reader.sign_in, desk, path)
    number, contact = await _find(visit)
    masking = await masking_of(visit, _what(number, contact))
    chat = await desk.read(_read_chat, desk, number, contact, None, masking)
    return render_fragment("chat.html", chat)


async def reveal_one(visit: PageVisit) -> Redirection:
    """Let the user see the conversation unmasked."""
    number, contact = await _find(visit)
    await reveal(visit, _what(number, contact), "conversation", number, contact.key)
    return _back(visit)


async def reply(visit: PageVisit) -> Redirection:
    """Send a text by hand, as a client of the API would, once however often the form is sent."""
    number, contact = await _find(visit)
    text, nonce = visit.form.get("text", "").strip(), read_nonce(visit.form)
    if not 0 < len(text) <= MOST_TEXT:
        raise PageError(422, "There is nothing to send.", f"Write 1 to {MOST_TEXT:,} characters.")
    await _note(visit, "reply by hand", number, contact)
    body = {
        "from": number,
        "to": f"+{contact.wa_id}" if contact.wa_id else {"user_id": contact.user_id},
        "text": text,
        "reference": f"by hand: {visit.user.name}",
    }
    await visit.desk.api.call(visit.user, "POST", "/v1/messages", {}, body, nonce)
    return _back(visit)


async def take_over(visit: PageVisit) -> Redirection:
    """Let a person answer for a while, and no rule."""
    until = datetime.now(UTC) + _length(visit)
    why = f"{visit.user.name}, in the console"
    return await _change(visit, "take over", {"hand_over": {"until": until, "why": why}})


async def give_back(visit: PageVisit) -> Redirection:
    """Let rules answer again."""
    return await _change(visit, "give back", {"hand_over": None, "muted_until": None})


async def mute(visit: PageVisit) -> Redirection:
    """Let rules send nothing for a while."""
    until = datetime.now(UTC) + _length(visit)
    return await _change(visit, "mute", {"muted_until": until})


async def _change(visit: PageVisit, what: str, body: Mapping[str, Any]) -> Redirection:
    number, contact = await _find(visit)
    await _note(visit, what, number, contact)
    path = f"/v1/contacts/{contact.key}"
    await visit.desk.api.call(visit.user, "PATCH", path, {"number": number}, body)
    return _back(visit)


async def _note(visit: PageVisit, what: str, number: str, contact: Contact) -> None:
    subject = AuditSubject(number, contact.key)
    await visit.desk.note(visit.user, what, "conversation", subject)


async def _find(visit: PageVisit) -> tuple[str, Contact]:
    return await visit.desk.read(find_conversation, visit)


def find_conversation(visit: PageVisit) -> tuple[str, Contact]:
    """Return the number and the contact of an address. Raises PageError."""
    desk, number, handle = visit.desk, visit.path["number"], visit.path["handle"]
    name = read_handle(read_secret(desk.store), number, handle)
    known = find_known(desk.store, [number], name) if _NUMBER.fullmatch(number) else {}
    if number not in known or not visit.may_see(number):
        raise not_found("Nothing is known of this customer.", "They may have been erased.")
    return number, known[number]


def read_waiting(visit: PageVisit) -> list[Mapping[str, Any]]:
    """Return the customers whom a person answers, those that wait longest first."""
    desk = visit.desk
    secret, masking = read_secret(desk.store), Masking()
    found = [
        (number, one)
        for number in number_list.numbers_at_meta(desk.store)
        if visit.may_see(number)
        for one in find_handed_over(desk.store, number, LISTED).contacts
    ]
    found.sort(key=lambda pair: pair[1].hand_over.since)
    return [
        {
            "number": number,
            "customer": masking.person(one.key),
            "since": one.hand_over.since,
            "until": one.hand_over.until,
            "why": one.hand_over.cause,
            "address": conversation_address(secret, number, one.key),
        }
        for number, one in found[:LISTED]
    ]


def read_recent(visit: PageVisit) -> list[Mapping[str, Any]]:
    """Return the customers of the newest events, each once."""
    desk = visit.desk
    secret, masking = read_secret(desk.store), Masking()
    numbers = [one for one in number_list.numbers_at_meta(desk.store) if one]
    numbers = [one for one in numbers if visit.may_see(one)]
    page = EventList(desk.store, numbers, EventFilter()).read_page(None, LISTED)
    newest = {(one.number, one.contact): one for one in reversed(page.items) if one.contact}
    return [
        {
            "number": number,
            "customer": masking.person(contact),
            "at": getattr(one.record, "planned_at", None),
            "address": conversation_address(secret, number, contact),
        }
        for (number, contact), one in sorted(newest.items(), key=_by_place(page.items))
    ]


def _by_place(items: Any) -> Any:
    places = {id(one): place for place, one in enumerate(items)}
    return lambda pair: places[id(pair[1])]


def _read_chat(
    desk: ConsoleDesk, number: str, contact: Contact, before: datetime | None, masking: Masking
) -> Mapping[str, Any]:
    chat = read_chat(desk.store, desk.bodies, number, contact.key, before, ENTRIES)
    return view_chat(chat, contact, masking)


def _mask(shown: Mapping[str, Any], masking: Masking) -> Mapping[str, Any]:
    """Return what is known of a contact, without what names the customer unless it is revealed."""
    if masking.reveal:
        return shown
    hidden = {"id": masking.person(shown["id"]), "phone": None, "user_id": None, "name": None}
    variables = {name: masking.quote(text) for name, text in shown["variables"].items()}
    return {**shown, **hidden, "other_ids": [], "variables": variables}


def _what(number: str, contact: Contact) -> str:
    return f"conversation {number} {contact.key}"


def _back(visit: PageVisit) -> Redirection:
    return Redirection(f"{CONVERSATIONS}/{visit.path['number']}/{visit.path['handle']}")


def _length(visit: PageVisit) -> timedelta:
    if (length := HOURS.get(visit.form.get("for", ""))) is None:
        raise PageError(422, "For how long?", f"Choose one of {', '.join(HOURS)}.")
    return length


def _moment(text: str) -> datetime | None:
    is_ms = text.isascii() and text.isdigit() and len(text) <= 14
    return datetime_from_ms(int(text)) if is_ms else None


PAGES = (
    ConsolePage("/conversations", build_list, label="Conversations", key="c"),
    ConsolePage("/conversations/{number}/{handle}", build_one),
)
_ONE = "/conversations/{number}/{handle}"
ACTIONS = (
    ConsoleAction(f"{_ONE}/reveal", reveal_one, REVEALS),
    ConsoleAction(f"{_ONE}/reply", reply, REPLY),
    ConsoleAction(f"{_ONE}/take-over", take_over, REPLY),
    ConsoleAction(f"{_ONE}/give-back", give_back, REPLY),
    ConsoleAction(f"{_ONE}/mute", mute, REPLY),
)
TOPICS = {"conversation": LiveTopic(read_live, every_s=2.0, is_personal=True)}
