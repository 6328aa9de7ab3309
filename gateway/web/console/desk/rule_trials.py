"""Trials of rules for pages: rulebooks as the files are now, and what they say of an event."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.accounts.account import Account
from gateway.accounts.rulebooks import RuleFiles
from gateway.core.capture.file_format import make_delivery_id
from gateway.core.capture.records import Records, read_records
from gateway.core.events import Delivery, Event
from gateway.core.webhook.parser import split
from gateway.rules.explain import RuleExplanation, format_explanations
from gateway.rules.loader import find_rules
from gateway.rules.problems import RulebookError
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.explanation import EventExplanation, explain_next
from gateway.rules.testing.planner import EventPlanner
from gateway.rules.testing.simulated_customer import SimulatedCustomer
from gateway.rules.testing.step_notation import Notation
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.stored_event import StoredEvent, read_stored_event
from gateway.store.tracing.trace import Trace
from gateway.web.console.desk.desk import ConsoleDesk

MOST_EVENTS = 50  # of a payload: the web process has other things to do
_NUMBER, _CUSTOMER = "100000000000001", "351900000001"  # of a made-up text
_WHOLE = Masking(reveal=True)  # whoever pastes an event knows it

TimedEvent = tuple[Event, datetime]


def find_path(desk: ConsoleDesk, owner: Account) -> Path:
    """Return where the rules of an account are at this moment, as workers look for them."""
    return find_rules(owner.rules, desk.settings.gateway_demo_rules)


def load_rulebook(desk: ConsoleDesk, path: Path, zone: str) -> Rulebook:
    """Load the rules as their files are now; the same bytes are compiled once.

    Raises RulebookError.
    """
    return RuleFiles.of(desk.settings, desk.accounts).load(path, zone=zone)


def list_services(desk: ConsoleDesk, number: str) -> list[str]:
    """Return the services that the rules of a number name, none where these cannot be used."""
    owner = desk.accounts().owner_of(number)
    if not owner:
        return []
    try:
        return list(load_rulebook(desk, find_path(desk, owner), owner.time_zone).services)
    except RulebookError:
        return []


def try_rules(desk: ConsoleDesk, traces: Sequence[Trace]) -> list[Mapping[str, Any]]:
    """Return why each rule answers the events of some traces or not, by the rules of now.

    Events that are no longer kept are left out. Reasons are in the words of rules, and hold
    neither texts nor phone numbers of customers.
    Raises StoreUnavailableError or ScriptError.
    """
    stored = (read_stored_event(desk.store, one) for one in traces)
    return [_try_event(desk, one) for one in stored if one]


def try_text(book: Rulebook, text: str) -> Mapping[str, Any]:
    """Return which rule answers a text that a new customer writes now, and with what."""
    now = datetime.now(UTC)
    (event,) = SimulatedCustomer(_NUMBER, _CUSTOMER).text(now, text)
    return _view_events(book, [(event, now)])


def try_payload(book: Rulebook, payload: bytes) -> Mapping[str, Any]:
    """Return which rule answers each event of Meta's JSON, whose customers are new before it.

    Captures of tools are read as well, as `gateway rules explain FILE` does. Raises
    CaptureFormatError.
    """
    return _view_events(book, list(_list_events(read_records(payload))))


def _list_events(records: Records) -> Iterator[TimedEvent]:
    """Yield events, each with when it arrived, or was made where that is not recorded."""
    for one in records.deliveries:
        if isinstance(one, Delivery):
            yield from ((event, one.received_at) for event in split(one))
            continue
        at = one.at or datetime.now(UTC)
        delivery = Delivery(make_delivery_id(at, one.nth), at, one.body)
        yield from ((event, one.at or event.at) for event in split(delivery))


def _view_events(book: Rulebook, events: Sequence[TimedEvent]) -> Mapping[str, Any]:
    planner = EventPlanner(book)
    shown = [explain_next(planner, book, *one) for one in events[:MOST_EVENTS]]
    return {"events": [_view_event(one) for one in shown], "left": len(events) - len(shown)}


def _view_event(one: EventExplanation) -> Mapping[str, Any]:
    return {
        "what": _WHOLE.event(one.event),
        "why": list(format_explanations(one.why)),
        "messages": [_in_words(message) for message in one.messages],
        "notes": list(one.notes),
        "error": one.error or None,
    }


def _in_words(message: Notation) -> str:
    return message if isinstance(message, str) else orjson.dumps(message).decode()


def _try_event(desk: ConsoleDesk, stored: StoredEvent) -> Mapping[str, Any]:
    owner = desk.accounts().owner_of(stored.event.number)
    if not owner:
        return _view(problem="No account has this number any more, so no rules are asked.")
    try:
        book = load_rulebook(desk, find_path(desk, owner), owner.time_zone)
    except RulebookError as error:
        return _view(problem=f"The rules cannot be used: {error.problems[0]}")
    why = stored.explain(book)
    fired = tuple(one.rule for one in why if one.fired)
    notes = stored.describe_change(fired, book.version)
    return _view(why, notes, _compare_versions(stored, book.version))


def _compare_versions(stored: StoredEvent, version: str) -> str:
    """Say whether the rules of now are those that planned the event."""
    if not stored.record:
        return f"By the rules of now, version {version}; which they were then is not on record."
    if stored.record.rulebook == version:
        return f"By the rules that planned it, version {version}."
    then = stored.record.rulebook
    return f"By the rules of now, version {version}; version {then} planned it."


def _view(
    why: Sequence[RuleExplanation] = (),
    notes: Sequence[str] = (),
    rulebook: str = "",
    problem: str = "",
) -> Mapping[str, Any]:
    return {
        "why": list(format_explanations(why)),
        "notes": list(notes),
        "rulebook": rulebook or None,
        "problem": problem or None,
    }
