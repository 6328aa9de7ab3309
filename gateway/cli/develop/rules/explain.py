"""`gateway rules explain`: which rule answers an event, and why the others do not."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.masking import Masking
from gateway.cli.common.output import clock
from gateway.cli.develop.rules.diff import written
from gateway.cli.develop.rules.paths import Json, Timed, asked, console, of_files
from gateway.cli.local import target
from gateway.config.settings import Settings
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.text import printable
from gateway.core.webhook.parser import split
from gateway.rules.explain import RuleExplanation, explain, format_explanations
from gateway.rules.loader import load
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.notation import Notation, to_notation
from gateway.rules.testing.planner import EventPlanner
from gateway.store.body_encryption import Bodies
from gateway.store.planning import contacts
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.trace_records import PlanRecord
from gateway.store.traces import Trace, Traces

NO_RECORD = "no rule fired when it was planned"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, its customer as they were as far as that is known, and what was planned."""

    event: Event
    contact: Contact = field(repr=False)
    now: datetime
    record: PlanRecord | None
    version: str  # of the rules that are asked now

    def changed(self, fired: tuple[str, ...]) -> tuple[str, ...]:
        """Say what fired when it was planned, where that was something else or by other rules."""
        before = tuple(rule for rule, _ in self.record.fired) if self.record else ()
        if before == fired:
            return ()
        told = f"when it was planned, {', '.join(before)} fired" if before else NO_RECORD
        by_others = self.record and self.record.rulebook != self.version
        since = "the rules have changed since" if by_others else "something has changed since"
        return (f"{told}; {since}",)


def stored(given: Settings, wamid: str, version: str) -> StoredEvent | None:
    """Find a message, or the one that a message of ours answered; None where it is not kept."""
    store = Store(given.redis_url)
    try:
        found = Traces(store, Bodies(given.encryption_keys)).of_wamid(wamid)
        trace = next((one for one in found.traces if one.kept and one.kept.event), None)
        return _stored_stored(store, trace, version) if trace else None
    except StoreUnavailableError:
        raise errors.fail("Redis does not answer, so nothing can be told.") from None
    finally:
        store.close()


def _stored_stored(store: Store, trace: Trace, version: str) -> StoredEvent | None:
    event = trace.kept.event if trace.kept else None
    if event is None:
        return None
    (view,) = contacts.load(store, {event.number: [event]})
    now = (trace.record and trace.record.planned_at) or event.at
    contact = as_it_was(view.contacts.get(event.contact, Contact(event.contact)), trace.record, now)
    return StoredEvent(event, contact, now, trace.record, version)


def as_it_was(contact: Contact, record: PlanRecord | None, now: datetime) -> Contact:
    """Take back what came later, as far as it is known when it did.

    A record knows whether its event came first. What tags and variables were is not known.
    """
    is_new = record.first_contact if record else contact.is_new
    last = None if is_new else min(contact.last_inbound_at or now, now)
    before_ms = int(now.timestamp() * 1000)
    used = {
        rule: (until, *(moment for moment in moments if moment < before_ms))
        for rule, (until, *moments) in contact.used.items()
    }
    return replace(contact, last_inbound_at=last, used=used, volley=None)


STYLES = {"✓": "green", "~": "yellow", "✗": "dim"}
NOT_FOUND = 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """One event, why each rule fires for it or not, and what is answered."""

    event: Event
    why: tuple[RuleExplanation, ...]
    said: tuple[Notation, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    def plain(self, words: Masking) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "at": self.event.at.isoformat(),
            "event": words.event(self.event),
            "rules": [
                {"rule": one.rule, "fired": one.fired, "near": one.is_near_miss, "why": one.reason}
                for one in self.why
            ],
            "said": [_said(said, words) for said in self.said],
            "notes": self.notes,
        }


def explain_event(
    what: Annotated[
        str, typer.Argument(metavar="FILE|WAMID", help="A captured delivery, or a message's id.")
    ],
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Other rules than those in use.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Tell of every rule, also of those far from fitting.")
    ] = False,
    reveal: Annotated[bool, typer.Option(help="Show texts and phone numbers.")] = False,
    json: Json = False,
) -> None:
    """Tell which rule answers an event, which nearly do, and on which condition each fails.

    Of a file, what is known of a customer is worked out from the file alone; of a message it is
    what is known of them now.
    """
    found = _stored(what, rules) if what.startswith("wamid.") else _captured(what, rules)
    words = Masking(reveal)
    if json:
        told = [one.plain(words) for one in found]
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    out = console()
    for one in found:
        for line in _lines(one, words, everything=everything):
            out.print(line)


def _captured(what: str, rules: Path | None) -> Iterable[Explanation]:
    if not Path(what).exists():
        raise errors.fail(f"{what} is no file, and no message's id, which begins with wamid.")
    with errors.sentences():
        rulebook = load(asked(rules))
    return list(_folded(of_files([Path(what)]), rulebook))


def _folded(found: Iterable[Timed], rulebook: Rulebook) -> Iterator[Explanation]:
    folding = EventPlanner(rulebook)
    for delivery, is_timed in found:
        for event in split(delivery):
            now = delivery.received_at if is_timed else event.at
            folded = folding.plan_next(event, now)
            why = explain(rulebook, event, folded.before, now)
            notes = ("known already",) if folded.plan is None and not folded.error else ()
            said = tuple(to_notation(body) for _, body in folded.posts)
            yield Explanation(event, why, said, notes)


def _stored(wamid: str, rules: Path | None) -> Iterable[Explanation]:
    if not re.fullmatch(r"wamid\.[!-~]{1,250}", wamid):
        raise errors.fail("A message's id has no spaces and at most 256 characters.")
    given = target.settings()
    with errors.sentences():
        rulebook = load(rules or given.gateway_rules)
    found = stored(given, wamid, rulebook.version)
    if found is None:
        errors.errors.print(f"Nothing is known of {wamid}, or its delivery is no longer kept.")
        raise typer.Exit(NOT_FOUND)
    why = explain(rulebook, found.event, found.contact, found.now)
    changed = found.changed(tuple(one.rule for one in why if one.fired))
    return [Explanation(found.event, why, notes=changed)]


def _lines(told: Explanation, words: Masking, *, everything: bool) -> Iterator[Text]:
    yield Text(f"{clock(told.event.at)}  {printable(words.event(told.event))}", "bold")
    lines = map(str, told.why) if everything else format_explanations(told.why)
    for line in lines:
        yield Text(f"  {line}", STYLES.get(line[:1], ""))
    for said in told.said:
        yield Text(f"  → {_said(said, words)}")
    for note in told.notes:
        yield Text(f"  ({note})", "yellow")


def _said(said: Notation, words: Masking) -> str:
    line = written(said)
    if words.reveal or line in ("typing", "mark_read"):
        return line
    return f"a message {words.said(line)}"
