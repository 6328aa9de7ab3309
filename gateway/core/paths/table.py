"""All paths by name, and the events that each belongs to.

An event has scopes: its kind, and its kind with its type or webhook field. A path belongs to an
event if one of the path's scopes is one of the event's.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from gateway.core.events import Event, Message, Notice, Status
from gateway.core.paths.message_table import MESSAGES
from gateway.core.paths.notice_table import NOTICES
from gateway.core.paths.path import OPEN, MetaPath, read_table
from gateway.core.webhook.customers import NOTHING, text_field

PATHS: Mapping[str, MetaPath] = read_table(MESSAGES) | read_table(NOTICES)
HEADS = frozenset(path.head for path in PATHS.values())

_SCOPES = frozenset(scope for path in PATHS.values() for scope in path.scopes)
TYPES = frozenset(scope[8:] for scope in _SCOPES if scope.startswith("message:"))
FIELDS = frozenset(scope[7:] for scope in _SCOPES if scope.startswith("notice:"))
OURS = frozenset({"vars", "hours", "answer"})  # words before names that are no paths of Meta's
UNLISTED = re.compile(r"[A-Za-z0-9]\w*(\.[A-Za-z0-9]\w*){0,7}")
MOST_NAMED = 2
# Fields whose items are messages.
MESSAGE_FIELDS = frozenset({"smb_message_echoes", "message_echoes", "standby", "history"})


def find_path(name: str) -> MetaPath | None:
    """Return the path of a name, None if there cannot be one.

    A message type or webhook field that the table does not know may have any path.
    """
    if path := PATHS.get(name):
        return None if name.endswith(OPEN) else path
    head, _, rest = name.partition(".")
    if not rest or head in OURS:
        return None
    if path := PATHS.get(head + OPEN):
        return replace(path, name=name, steps=(*path.steps, *rest.split(".")))
    if (head in HEADS and head != "notice") or not UNLISTED.fullmatch(rest):
        return None
    if head == "notice":
        return _unlisted(name, rest, "notice")
    return _unlisted(name, name, f"message:{head}")


def _unlisted(name: str, steps: str, scope: str) -> MetaPath:
    return MetaPath(
        name, tuple(steps.split(".")), "text", is_private=True, is_list=True, description="",
        scopes=frozenset({scope}),
    )  # fmt: skip


def event_scopes(event: Event) -> frozenset[str]:
    """Return the scopes of an event."""
    match event:
        case Message(type=kind):
            return frozenset({"message", f"message:{kind}"})
        case Status():
            return frozenset({"status"})
        case Notice(field=field) if field in MESSAGE_FIELDS:
            raw = event.raw if isinstance(event.raw, dict) else NOTHING
            return frozenset({"message", f"message:{text_field(raw, 'type')}"})
        case Notice(field=field):
            return frozenset({f"notice:{field}"} | (set() if field in FIELDS else {"notice"}))
        case _:
            return frozenset()


def belongs(path: MetaPath, scopes: Collection[str]) -> bool:
    """Say whether events of these scopes may have the path; `message:*` stands for any type."""
    return any(scope in scopes or f"{scope.partition(':')[0]}:*" in scopes for scope in path.scopes)


def describe_scopes(scopes: Iterable[str], most: int = MOST_NAMED) -> str:
    """Return the events of some scopes in words; of more than `most` only the first is named."""
    each = sorted(scopes)
    types = [scope[8:] for scope in each if scope.startswith("message:") and scope[8:] != "*"]
    fields = [scope[7:] for scope in each if scope.startswith("notice:") and scope[7:] != "*"]
    words = {
        f"messages of type {_one_of(types, most)}" if types else "messages": types
        or "message" in each,
        "statuses": "status" in each,
        f"notices of {_one_of(fields, most)}" if fields else "notices": fields
        or "notice:*" in each,
    }
    return " and ".join(word for word, is_meant in words.items() if is_meant) or "other events"


def _one_of(words: list[str], most: int) -> str:
    return " or ".join(words) if len(words) <= most else f"{words[0]} and others"
