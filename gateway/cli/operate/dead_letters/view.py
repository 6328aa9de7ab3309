"""Rendering of dead letters: texts and phone numbers are masked unless they are asked for; pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from gateway.core.dead_letters.dead_letter import DeadEvent, DeadForward, DeadSend, HistoryStep
from gateway.core.dead_letters.deferred_delivery import DeferredDelivery
from gateway.core.dead_letters.filter import Letter
from gateway.core.formats import format_duration, format_time
from gateway.store.dead_letters.unreadable import UnreadableBytes
from gateway.store.inbox.lookup import DeliveryContent

SHOWN_DIGITS = 4
_KINDS = {
    DeadSend: "send",
    DeadEvent: "event",
    DeadForward: "forward",
    DeferredDelivery: "delivery",
}
_PEOPLE = frozenset(
    {"to", "from", "recipient", "recipient_id", "wa_id", "user_id", "from_user_id", "phone"}
)
_PUBLIC = frozenset(
    {"type", "messaging_product", "recipient_type", "policy", "code", "status", "timestamp"}
)
_FRAME = re.compile(r'  File ".*", line \d+, in .*')


def render_table(
    letters: Sequence[Letter], now: datetime, name_of: Callable[[str], str] | None = None
) -> Table:
    """Return a table with one line per letter; `name_of` names the account of a number."""
    table = Table(
        *([Column("account", no_wrap=True)] if name_of else []),
        Column("id", no_wrap=True),
        Column("age", no_wrap=True, justify="right"),
        Column("cause", no_wrap=True),
        Column("tries", justify="right"),
        Column("what to do", overflow="fold"),
        box=None,
        pad_edge=False,
    )
    for letter in letters:
        cause = letter.cause if letter.code is None else f"{letter.cause} {letter.code}"
        # Text objects, so that no content is read as markup.
        row = (
            *([name_of(letter.number) or "–"] if name_of else []),
            letter.id,
            format_duration(now - letter.at),
            cause,
            str(letter.attempts),
            letter.advice,
        )
        table.add_row(*map(Text, row))
    return table


def summary_to_dict(letter: Letter, account: str = "") -> dict[str, Any]:
    """Return the list entry of a letter in JSON form, with the name of its account."""
    fields = {
        "id": letter.id,
        "kind": _KINDS[type(letter)],
        "number": letter.number,
        "account": account or None,
        "died": _iso_time(letter.at),
        "cause": letter.cause,
        "code": letter.code,
        "error": _format_error(letter.error),
        "advice": letter.advice,
        "attempts": letter.attempts,
    }
    if isinstance(letter, DeadSend):
        fields |= {"redriven": letter.redriven}
    if isinstance(letter, DeferredDelivery):
        fields |= {"class": letter.error["class"], "next_try": _iso_time(letter.next_at)}
    return fields


def letter_to_dict(
    letter: Letter,
    inside: DeliveryContent | None = None,
    unread: UnreadableBytes | None = None,
    *,
    account: str = "",
    reveal: bool,
) -> dict[str, Any]:
    """Return the full description of a letter in JSON form.

    `inside` is the content of a deferred delivery, `unread` the remains of an unreadable one.
    """
    match letter:
        case DeadSend():
            more = _send_fields(letter, reveal)
        case DeadEvent():
            more = _event_fields(letter, reveal)
            more |= _unreadable_fields(letter, unread, reveal) if unread else {}
        case DeadForward():
            more = _forward_fields(letter, reveal)
        case DeferredDelivery():
            more = _deferred_fields(
                letter, inside or DeliveryContent("it was not looked at"), reveal
            )
    return summary_to_dict(letter, account) | more


def iter_lines(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each field of `fields` that fits on one line."""
    for name, value in fields.items():
        if isinstance(value, bool):
            yield name.replace("_", " "), "yes" if value else "no"
        elif isinstance(value, (str, int)) and name != "trace" and value != "":
            yield name.replace("_", " "), str(value)
        elif name == "events" and value:
            yield name, ", ".join(f"{kind} {count}" for kind, count in value.items())


def mask_values(value: Any, name: str = "") -> Any:
    """Mask every text and figure that is not known to be harmless, and keep the structure."""
    match value:
        case dict():
            # Elsewhere a name may be a customer's.
            public = name == "template" and isinstance(value.get("name"), str)
            hidden = {key: mask_values(one, key) for key, one in value.items()}
            return hidden | ({"name": value["name"]} if public else {})
        case list():
            return [mask_values(one, name) for one in value]
        case None | bool():
            return value
        case str() if name in _PEOPLE:
            return mask_contact(value)
        case _ if name in _PUBLIC:
            return value
        case _:
            return f"({len(str(value))} characters)"


def mask_contact(contact: str) -> str:
    """Format a customer by the last digits."""
    return f"…{contact[-SHOWN_DIGITS:]}" if len(contact) > 2 * SHOWN_DIGITS else "…"


def _send_fields(letter: DeadSend, reveal: bool) -> dict[str, Any]:
    return {
        "to": letter.lane if reveal else mask_contact(letter.lane),
        "rule": letter.rule,
        "rank": letter.priority,
        "record": letter.record,
        "expires": _iso_time(letter.expires_at),
        "first_error": _format_error(letter.first_error),
        "last_error": _format_error(letter.last_error),
        "meta_had_it": letter.accepted,
        "meta_may_have_had_it": letter.open and not letter.accepted,
        "text_kept": bool(letter.body),
        "story": [_step_to_dict(step) for step in letter.story],
        "body": letter.body if reveal else mask_values(dict(letter.body)),
    }


def _event_fields(letter: DeadEvent, reveal: bool) -> dict[str, Any]:
    # The last line of a traceback quotes the data that caused the error.
    steps = [
        HistoryStep("died", letter.first_at, letter.first_error),
        HistoryStep("died again", letter.at, letter.error),
    ]
    frames = [line for line in letter.trace.splitlines() if _FRAME.fullmatch(line)]
    return {
        "key": letter.key,
        "delivery": letter.delivery,
        "item": letter.item,
        "first_error": _format_error(letter.first_error),
        "last_error": _format_error(letter.error),
        "story": [_step_to_dict(step) for step in steps[: letter.attempts]],
        "trace": letter.trace if reveal else "\n".join(frames),
        "body": letter.raw if reveal else mask_values(letter.raw),
    }


def _forward_fields(letter: DeadForward, reveal: bool) -> dict[str, Any]:
    return {
        "receiver": letter.receiver,
        "from": letter.contact if reveal else mask_contact(letter.contact),
        "place": letter.place,
        "copy_kept": letter.has_copy,
        "story": [_step_to_dict(HistoryStep("given up", letter.at, letter.error))],
        "body": letter.body if reveal else mask_values(letter.body),
    }


def _unreadable_fields(letter: DeadEvent, unread: UnreadableBytes, reveal: bool) -> dict[str, Any]:
    length = len(unread.content)
    size_note = f"{length:,} of {letter.size:,} bytes"
    if length < letter.size:
        size_note += "; the whole is in its delivery for as long as the inbox keeps that"
    text = unread.content.decode(errors="backslashreplace")
    return {
        "held": unread.problem or size_note,
        "body": text if reveal else f"({length:,} bytes)",
    }


def _deferred_fields(
    letter: DeferredDelivery, inside: DeliveryContent, reveal: bool
) -> dict[str, Any]:
    steps = [
        HistoryStep("kept", letter.kept_at),
        HistoryStep("set aside", letter.at, letter.first_error),
        HistoryStep("set aside", letter.last_at, letter.last_error),
    ]
    return {
        "kept": _iso_time(letter.kept_at),
        "first_error": _format_error(letter.first_error),
        "last_error": _format_error(letter.last_error),
        "opens_here": not inside.problem,
        "why_not": inside.problem,
        "events": dict(inside.kinds),
        "story": [_step_to_dict(step) for step in steps[: 2 + (letter.attempts > 1)]],
        "body": inside.body if reveal else mask_values(inside.body),
    }


def _iso_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _step_to_dict(step: HistoryStep) -> dict[str, Any]:
    at = _iso_time(step.at) if step.at else None
    outcome = step.details.get("outcome", "")
    details = ": ".join(filter(None, [outcome, _format_error(step.details)]))
    return {"at": at, "what": step.what, "details": details}


def render_story(fields: Mapping[str, Any]) -> Table:
    """Return the steps of a send as a table, one per line."""
    table = Table.grid(Column(no_wrap=True), Column(no_wrap=True), Column(), padding=(0, 2))
    for step in fields.get("story", ()):
        at = format_time(datetime.fromisoformat(step["at"])) if step["at"] else ""
        table.add_row(Text(at, "dim"), Text(step["what"]), Text(step["details"]))
    return table


def _format_error(error: Mapping[str, Any]) -> str:
    code, details = error.get("code"), error.get("details")
    parts = [
        f"{code}:" if code is not None else "",
        str(error.get("reason") or error.get("title") or ""),
        f"({details})" if details else "",
    ]
    return " ".join(filter(None, parts))
