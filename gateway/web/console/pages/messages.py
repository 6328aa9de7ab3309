"""Message pages: the search, the newest messages, and everything that became of one."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from gateway.core.api.lists.list_request import STATUSES
from gateway.core.api.recipient import read_contact_name
from gateway.core.console.users import LOOK
from gateway.store import number_list
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.planning.changed_contact import find_known
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.records import DamagedRecordError
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.trace import Search, Trace
from gateway.store.tracing.traces import Traces
from gateway.web.api.events.trace_data import TraceData
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.desk.rule_trials import try_rules
from gateway.web.console.handles import conversation_address
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
from gateway.web.console.reveal import REVEALS, masking_of, reveal

MESSAGES = f"{ROOT}/messages"
_WAMID, _SEND = re.compile(r"wamid\.[!-~]{1,250}"), re.compile(r"[a-z0-9]{24}")
_RECORD = re.compile(r"[0-9a-f]{32}")
_FILTERS = ("from", "reference", "status", "since", "until", "cursor")
MOST_REFERENCE = 128
_IDS, _MOST_ASKED = (_WAMID, _SEND, _RECORD), 256


async def build_list(visit: PageVisit) -> PageView:
    """Return the newest messages, or those with a reference or a status."""
    asked = {name: text for name in _FILTERS if (text := visit.query.get(name))}
    panels = await visit.desk.panels(
        messages=visit.desk.api.call(visit.user, "GET", "/v1/messages", {"limit": "50"} | asked)
    )
    shown = {name: asked.get(name, "") for name in _FILTERS[:-1]}
    return PageView("Messages", "messages.html", {**panels, "asked": shown, "statuses": STATUSES})


async def search(visit: PageVisit) -> Redirection:
    """Lead to what was asked for: the form posts it, so that no phone number is in an address."""
    asked = visit.form.get("q", "").strip()
    if not asked or len(asked) > _MOST_ASKED or not asked.isprintable():
        raise PageError(
            422,
            "Nothing can be searched by this.",
            "Give a wamid, the id of a message or an event, a phone number with its country code, "
            "a user id, or the reference of a message.",
        )
    is_id, contact = any(one.fullmatch(asked) for one in _IDS), read_contact_name(asked)
    if is_id and await visit.desk.read(_is_known, visit, asked):
        return Redirection(_address(asked))
    if contact and (place := await visit.desk.read(_find_conversation, visit, contact)):
        return Redirection(place)
    # Others number their orders as they like: a reference may look like an id or a phone number.
    if not (is_id or contact) or await _has_reference(visit, asked):
        return Redirection(f"{MESSAGES}?reference={quote(asked, safe='')}")
    if is_id:
        raise not_found("Nothing is known of this id.", "It was never here, or it is forgotten.")
    raise not_found("None of our numbers knows this customer, and no message has this reference.")


async def build_one(visit: PageVisit) -> PageView:
    """Return the story of a message by its wamid, its id, or the id of an event."""
    id_ = visit.path["id"]
    masking = await masking_of(visit, f"message {id_}")
    found = await visit.desk.read(find_known_message, visit, id_)
    data = await visit.desk.read(read_message, visit.desk, found, masking)
    panels = await visit.desk.panels(trials=visit.desk.read(try_rules, visit.desk, found.traces))
    shown = {"id": id_, "revealed": masking.reveal, "may_reveal": visit.user.may(REVEALS)}
    return PageView("Message", "message.html", {**shown, **data, **panels})


async def reveal_one(visit: PageVisit) -> Redirection:
    """Let the user see a message unmasked."""
    id_ = visit.path["id"]
    found = await visit.desk.read(find_known_message, visit, id_)
    number, contact = _subject_of(found.traces)
    await reveal(visit, f"message {id_}", "message", number, contact)
    return Redirection(_address(id_))


def read_message(desk: ConsoleDesk, found: Search, masking: Masking) -> Mapping[str, Any]:
    """Return the stories and the data of a message."""
    name_of, secret = desk.accounts().name_of, read_secret(desk.store)
    teller = Teller(masking, datetime.now(UTC), desk.settings.gateway_retention, name_of)
    return {
        "stories": [line.to_dict() for line in teller.tell(found)],
        "events": [TraceData(masking, name_of).event(one) for one in found.traces],
        "received": [_received(one) for one in found.traces] if masking.reveal else None,
        "conversations": [
            conversation_address(secret, *subject)
            for one in found.traces
            if (subject := _subject_of([one]))[1]
        ],
    }


def find_known_message(visit: PageVisit, id_: str) -> Search:
    """Find a message or an event by its id. Raises PageError where nothing is known."""
    found = find_message(visit, id_)
    if not found.has_results:
        raise not_found("Nothing is known of this id.", "It was never here, or it is forgotten.")
    return found


def find_message(visit: PageVisit, id_: str) -> Search:
    """Find a message by its wamid or id, or an event by its id; only what the user may see.

    Raises PageError.
    """
    found = _find_anywhere(visit.desk, id_)
    if not visit.user.accounts:
        return found
    # Of a delivery that is not planned yet, others may be no business of the user's.
    traces = tuple(one for one in found.traces if visit.may_see(one.number))
    return Search(traces)


def _find_anywhere(desk: ConsoleDesk, id_: str) -> Search:
    traces = Traces(desk.store, desk.bodies)
    if _WAMID.fullmatch(id_):
        return traces.find_by_wamid(id_)
    if _SEND.fullmatch(id_):
        return traces.find_by_send(id_)
    if not _RECORD.fullmatch(id_):
        raise not_found("This is the id of no message.")
    try:
        found = (traces.find_by_record(one, id_) for one in number_list.numbers(desk.store))
        return Search(tuple(filter(None, found)))
    except DamagedRecordError:
        raise not_found("The record of this event is damaged.") from None


def _received(trace: Trace) -> Any:
    """Return the item of Meta's webhook, as it came."""
    event = trace.kept_event.event if trace.kept_event else None
    return event.raw if event else None


def _subject_of(traces: Sequence[Trace]) -> tuple[str, str]:
    """Return the number and the contact that a message is of, "" for what is not known."""
    for one in traces:
        event = one.kept_event.event if one.kept_event else None
        lanes = (send.lane for send in one.sends if send.lane)
        if contact := (event.contact if event else "") or next(lanes, ""):
            return one.number, contact
    return "", ""


def _address(id_: str) -> str:
    """Return the address of the page of a message; a wamid may hold a slash."""
    return f"{MESSAGES}/{quote(id_)}"


def _is_known(visit: PageVisit, id_: str) -> bool:
    return find_message(visit, id_).has_results


async def _has_reference(visit: PageVisit, text: str) -> bool:
    """Say whether any message has a text as its reference."""
    if len(text) > MOST_REFERENCE:
        return False
    query = {"reference": text, "limit": "1"}
    found = await visit.desk.api.call(visit.user, "GET", "/v1/messages", query)
    return bool(found["data"])


def _find_conversation(visit: PageVisit, contact: str) -> str:
    """Return the address of a customer's conversation, with the number that heard them last.

    It is "" where none of our numbers knows the customer.
    """
    desk = visit.desk
    numbers = [one for one in number_list.numbers(desk.store) if one and visit.may_see(one)]
    if not (known := find_known(desk.store, numbers, contact)):
        return ""
    oldest = datetime.min.replace(tzinfo=UTC)
    number = max(known, key=lambda one: known[one].last_inbound_at or oldest)
    return conversation_address(read_secret(desk.store), number, known[number].key)


PAGES = (
    ConsolePage("/messages", build_list, label="Messages", key="m"),
    ConsolePage("/messages/{id:path}", build_one),
)
ACTIONS = (
    ConsoleAction("/search", search, LOOK),
    ConsoleAction("/messages/{id:path}/reveal", reveal_one, REVEALS),
)
