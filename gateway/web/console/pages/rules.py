"""Rules page: what is loaded, what fired lately, what a change breaks, what answers an event."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gateway.accounts.account import Account
from gateway.core.capture.file_format import CaptureFormatError
from gateway.core.console.users import LOOK, ConsoleUser
from gateway.rules.problems import RulebookError
from gateway.store import number_list
from gateway.store.api.lists.event_list import EventFilter, EventList
from gateway.store.planning import rulebooks
from gateway.store.redis.client import Store
from gateway.store.tracing.records import PlanRecord
from gateway.web.console.desk import rule_trials
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.page import (
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
)

LOOKED_AT = 500  # of the newest events
MOST_TEXT = 4_096
MOST_PAYLOAD = 64 * 1024  # bytes


async def build(visit: PageVisit) -> PageView:
    """Return every rulebook, with how often each rule fired for the newest events."""
    return await _show(visit, {})


async def explain_given(visit: PageVisit) -> PageView:
    """Return the same, and which rule answers a made-up text, or the events of a payload."""
    given = {name: visit.form.get(name, "").strip() for name in ("text", "payload")}
    path = visit.form.get("path", "")
    owners = await asyncio.to_thread(_find_owners, visit)
    found = next((one for one in owners if str(one) == path), None)
    if found is None or sum(map(bool, given.values())) != 1 or len(given["text"]) > MOST_TEXT:
        advice = "Write a text or paste a payload, and choose the rules."
        raise PageError(422, "There is nothing to explain.", advice)
    if len(payload := given["payload"].encode()) > MOST_PAYLOAD:
        advice = "64 KB are read here; gateway rules explain FILE reads more."
        raise PageError(422, "The payload is too large.", advice)
    zone = owners[found][0].time_zone
    explain = partial(_explain, visit.desk, found, zone, given["text"], payload)
    return await _show(visit, {**given, "path": path, **await asyncio.to_thread(explain)})


async def _show(visit: PageVisit, explained: Mapping[str, Any]) -> PageView:
    desk = visit.desk
    panels = await desk.panels(
        books=asyncio.to_thread(_view_books, visit),
        hits=desk.read(count_hits, visit),
        processes=desk.read(view_processes, desk.store, visit.user),
    )
    data = {**panels, "explained": explained, "looked_at": LOOKED_AT}
    return PageView("Rules", "setup/rules.html", data)


def count_hits(visit: PageVisit) -> Mapping[str, int]:
    """Count how often each rule fired for the newest events, those in shadow as well."""
    store = visit.desk.store
    known = number_list.numbers_at_meta(store)
    numbers = [one for one in known if one and visit.may_see(one)]
    page = EventList(store, numbers, EventFilter()).read_page(None, LOOKED_AT)
    records = (one.record for one in page.items if isinstance(one.record, PlanRecord))
    return Counter(rule for record in records for rule, _ in record.fired)


def view_processes(store: Store, user: ConsoleUser) -> list[Mapping[str, Any]]:
    """Return what the processes have in force, and why they took up no change.

    A process reports of all accounts together, so users of some see nothing of it.
    """
    if user.accounts:
        return []
    reports = Counter(
        (one.version, problem)
        for one in rulebooks.read(store)
        for problem in (one.problem, *one.more_problems)
        if problem or problem == one.problem
    )
    return [
        {"version": version, "problem": problem or None, "processes": count}
        for (version, problem), count in reports.most_common()
    ]


def _view_books(visit: PageVisit) -> list[Mapping[str, Any]]:
    """Return the rules as the files of this machine have them now, each path once."""
    return [_view_book(visit.desk, *one) for one in _find_owners(visit).items()]


def _find_owners(visit: PageVisit) -> Mapping[Path, list[Account]]:
    """Return where the rules are at this moment, as workers look for them, and whose they are."""
    by_path: dict[Path, list[Account]] = {}
    for one in visit.desk.accounts_of(visit.user):
        by_path.setdefault(rule_trials.find_path(visit.desk, one), []).append(one)
    return by_path


def _view_book(desk: ConsoleDesk, path: Path, owners: list[Account]) -> Mapping[str, Any]:
    shown: dict[str, Any] = {
        "path": str(path),
        "accounts": [one.name for one in owners if one.name],
        "version": None,
        "problems": [],
        "rules": [],
    }
    try:
        book = rule_trials.load_rulebook(desk, path, owners[0].time_zone)
    except RulebookError as error:
        return shown | {"problems": [str(one) for one in error.problems]}
    rules = [
        {
            "name": one.name,
            "events": one.events,
            "state": "off" if not one.enabled else "shadow" if one.shadow else "on",
            "does": list(dict.fromkeys(step.verb for step in one.steps)),
        }
        for one in book.rules
    ]
    return shown | {"version": book.version, "rules": rules}


def _explain(
    desk: ConsoleDesk, path: Path, zone: str, text: str, payload: bytes
) -> Mapping[str, Any]:
    try:
        book = rule_trials.load_rulebook(desk, path, zone)
    except RulebookError as error:
        raise PageError(422, "The rules cannot be used.", str(error.problems[0])) from None
    if text:
        return rule_trials.try_text(book, text)
    try:
        return rule_trials.try_payload(book, payload)
    except CaptureFormatError as error:
        raise PageError(422, "The payload cannot be read.", f"It {error}.") from None


PAGES = (ConsolePage("/rules", build, label="Rules", key="r"),)
ACTIONS = (ConsoleAction("/rules", explain_given, LOOK),)
