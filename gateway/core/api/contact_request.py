"""Request to change a contact: read from a client's JSON, then applied to the contact; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.core.api.field_errors import FieldError, FieldReader, escape
from gateway.core.api.message_request import read_moment
from gateway.core.contacts.consent import ConsentChange, apply_consent
from gateway.core.contacts.contact import MOST_BYTES, Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.contact_changes import (
    FULL,
    set_variables,
    tag_contact,
    unset_variables,
    untag_contact,
)

FIELDS = frozenset({"tags", "variables", "muted_until", "hand_over", "opted_out"})
MOST_TAG, MOST_VALUE, MOST_WHY = 200, 4_096, 200
MOST_TAGS = 100  # in one request
DEFAULT_WHY = "a client of the API"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContactPatch:
    """Changes that a client wants; what `given` does not name stays as it is."""

    given: frozenset[str]
    tags: tuple[str, ...] | None = field(default=None, repr=False)  # in place of all that there are
    add_tags: tuple[str, ...] = field(default=(), repr=False)
    remove_tags: tuple[str, ...] = field(default=(), repr=False)
    variables: Mapping[str, str | None] = field(default_factory=dict, repr=False)  # None removes
    muted_until: datetime | None = None
    handed_over_until: datetime | None = None
    why: str = DEFAULT_WHY
    opted_out: bool = False


def read_patch(fields: Mapping[str, Any]) -> ContactPatch | list[FieldError]:
    """Return the changes in a JSON object, or everything that is wrong with it."""
    reader = FieldReader(fields)
    reader.refuse_unknown(FIELDS)
    if not fields:
        reader.add("", f"names no change; known are {', '.join(sorted(FIELDS))}")
    tags, add_tags, remove_tags = _read_tags(reader)
    until, why = _read_hand_over(reader)
    patch = ContactPatch(
        given=frozenset(fields),
        tags=tags,
        add_tags=add_tags,
        remove_tags=remove_tags,
        variables=_read_variables(reader),
        muted_until=read_moment(reader, "muted_until"),
        handed_over_until=until,
        why=why,
        opted_out=reader.flag("opted_out"),
    )
    return reader.errors or patch


def apply_patch(contact: Contact, patch: ContactPatch, now: datetime) -> Contact | list[FieldError]:
    """Return the contact after the changes, or why they cannot be made."""
    after = _with_notes(contact, patch)
    if after is None:
        room = f"tags and variables of a contact may take {MOST_BYTES // 1024} KB together"
        return [FieldError("#/variables" if patch.variables else "#/tags", f"is too much: {room}")]
    if "muted_until" in patch.given:
        after = replace(after, muted_until=patch.muted_until)
    if "hand_over" in patch.given:
        after = replace(after, hand_over=_hand_over(contact, patch, now))
    if "opted_out" in patch.given and patch.opted_out != (contact.opted_out_at is not None):
        after, _ = apply_consent(after, ConsentChange(patch.opted_out, DEFAULT_WHY), now)
    return after


def _with_notes(contact: Contact, patch: ContactPatch) -> Contact | None:
    """Return the contact with its tags and variables changed, None where there is no room."""
    removed = [name for name, value in patch.variables.items() if value is None]
    values = {name: value for name, value in patch.variables.items() if value is not None}
    after = contact if patch.tags is None else replace(contact, tags=())
    after = untag_contact(unset_variables(after, removed).contact, patch.remove_tags).contact
    tagged = tag_contact(after, {*(patch.tags or ()), *patch.add_tags})
    noted = set_variables(tagged.contact, values)
    return None if FULL in (tagged.change, noted.change) else noted.contact


def _hand_over(contact: Contact, patch: ContactPatch, now: datetime) -> HandOver | None:
    """Return the hand-over that a client wants; one that lasts keeps its beginning."""
    if patch.handed_over_until is None:
        return None
    before = contact.hand_over
    since = before.since if before and before.until > now else now
    return HandOver(since, patch.handed_over_until, patch.why)


def _read_tags(
    reader: FieldReader,
) -> tuple[tuple[str, ...] | None, tuple[str, ...], tuple[str, ...]]:
    """Return the tags that replace all others, None for none, and those to add and to remove."""
    match reader.fields.get("tags"):
        case None if "tags" not in reader.fields:
            return None, (), ()
        case list():
            return _tag_list(reader, "tags"), (), ()
        case dict() as parts:
            inner = FieldReader(parts, f"{reader.pointer}/tags", reader.errors)
            inner.refuse_unknown(frozenset({"add", "remove"}))
            return None, _tag_list(inner, "add"), _tag_list(inner, "remove")
        case _:
            reader.add("tags", 'must be a list of tags, or {"add": […], "remove": […]}')
            return None, (), ()


def _tag_list(reader: FieldReader, name: str) -> tuple[str, ...]:
    given = reader.fields.get(name, [])
    if not isinstance(given, list) or len(given) > MOST_TAGS:
        reader.add(name, f"must be a list of up to {MOST_TAGS} tags")
        return ()
    for i, tag in enumerate(given):
        if not isinstance(tag, str) or not 0 < len(tag.strip()) <= MOST_TAG:
            reader.add(f"{name}/{i}", f"must be a tag of 1 to {MOST_TAG} characters")
    return tuple(tag.strip() for tag in given if isinstance(tag, str))


def _read_variables(reader: FieldReader) -> Mapping[str, str | None]:
    given = reader.fields.get("variables", {})
    if not isinstance(given, dict):
        reader.add("variables", "must be an object of names and texts, with null to remove one")
        return {}
    for name, value in given.items():
        if not _VARIABLE.fullmatch(name):
            reader.add(f"variables/{escape(name)}", "has no name such as size or shoe_size")
        elif value is not None and not (isinstance(value, str) and len(value) <= MOST_VALUE):
            reader.add(f"variables/{name}", f"must be a text of up to {MOST_VALUE:,} characters")
    return given


def _read_hand_over(reader: FieldReader) -> tuple[datetime | None, str]:
    """Return until when a person answers, None to end that, and why."""
    match reader.fields.get("hand_over"):
        case None:
            return None, DEFAULT_WHY
        case dict() as parts:
            inner = FieldReader(parts, f"{reader.pointer}/hand_over", reader.errors)
            inner.refuse_unknown(frozenset({"until", "why"}))
            if parts.get("until") is None:
                inner.add("until", "is missing: until when a person answers")
            return read_moment(inner, "until"), inner.text("why", MOST_WHY) or DEFAULT_WHY
        case _:
            reader.add("hand_over", 'must be {"until": …, "why": …}, or null to end it')
            return None, DEFAULT_WHY
