"""Requests for lists: filters, limit and cursor as a client writes them in a query; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.api.field_errors import FieldError, FieldReader, parse_whole
from gateway.core.api.message_request import MOST_REFERENCE, read_moment
from gateway.core.api.recipient import read_contact_name, read_recipient

MOST_LISTED, LISTED = 200, 50
STATUSES = (
    "scheduled", "queued", "attempting", "unconfirmed", "accepted", "sent", "delivered", "read",
    "played", "failed", "expired", "cancelled",
)  # fmt: skip
KINDS = ("message", "status", "notice", "returned")  # of events for which things are planned
PAGE_FIELDS = frozenset({"since", "until", "limit", "cursor"})
MESSAGE_FIELDS = PAGE_FIELDS | {"to", "from", "reference", "status"}
EVENT_FIELDS = PAGE_FIELDS | {"contact", "number", "kind"}


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A page of a list: of one of our numbers or all, of a person or all, of a time or all."""

    number: str = ""
    name: str = field(default="", repr=False)  # under which the store finds the person
    reference: str = ""
    kind: str = ""  # of events
    statuses: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    limit: int = LISTED
    cursor: str = field(default="", repr=False)

    def describe_filters(self) -> str:
        """Return the filters in the one form to which a cursor is bound."""
        moments = [one.isoformat() if one else "" for one in (self.since, self.until)]
        parts = (
            self.number,
            self.name,
            self.reference,
            self.kind,
            ",".join(sorted(self.statuses)),
            *moments,
        )
        return "|".join(f"{len(part)}:{part}" for part in parts)


def read_message_list(query: Mapping[str, str], country: str) -> ListRequest | list[FieldError]:
    """Return the request in a query for messages, or everything that is wrong with it.

    `country` is that by which a national phone number is read, "" for none.
    """
    reader = FieldReader(query)
    reader.refuse_unknown(MESSAGE_FIELDS)
    request = ListRequest(
        number=reader.text("from", 64),
        name=_read_recipient(reader, country),
        reference=reader.text("reference", MOST_REFERENCE),
        statuses=_read_statuses(reader),
        **_read_page(reader),
    )
    return reader.errors or request


def read_event_list(query: Mapping[str, str]) -> ListRequest | list[FieldError]:
    """Return the request in a query for events, or everything that is wrong with it."""
    reader = FieldReader(query)
    reader.refuse_unknown(EVENT_FIELDS)
    request = ListRequest(
        number=reader.text("number", 64),
        name=_read_contact(reader),
        kind=reader.choice("kind", KINDS),
        **_read_page(reader),
    )
    return reader.errors or request


def _read_page(reader: FieldReader) -> Mapping[str, Any]:
    """Return what all lists have: a time, a limit and a cursor."""
    since, until = read_period(reader)
    return {
        "since": since,
        "until": until,
        "limit": read_number(reader, "limit", 1, MOST_LISTED) or LISTED,
        "cursor": reader.fields.get("cursor", ""),
    }


def read_period(reader: FieldReader) -> tuple[datetime | None, datetime | None]:
    """Return since and until in a query.

    The + of an offset that a client did not escape came as a space, which no time has.
    """
    given = {
        name: text.replace(" ", "+")
        for name in ("since", "until")
        if (text := reader.fields.get(name)) is not None
    }
    moments = FieldReader(given, reader.pointer, reader.errors)
    since, until = read_moment(moments, "since"), read_moment(moments, "until")
    if since and until and until < since:
        reader.add("until", "must not be before since")
    return since, until


def _read_recipient(reader: FieldReader, country: str) -> str:
    """Return the name of the person to whom messages were sent, "" for all."""
    text = reader.fields.get("to")
    if text is None:
        return ""
    given = {"to": {"user_id": text} if text[2:3] == "." else text}
    recipient = read_recipient(FieldReader(given, reader.pointer, reader.errors), "to", country)
    return recipient.name if recipient else ""


def _read_contact(reader: FieldReader) -> str:
    """Return the name of the person from whom events came, "" for all."""
    text = reader.fields.get("contact")
    if text is None:
        return ""
    if not (name := read_contact_name(text)):
        reader.add("contact", "must be a phone number with its country code, or a user id")
    return name


def read_number(reader: FieldReader, name: str, least: int, most: int) -> int | None:
    """Return a whole number in a query, None where it is missing or wrong."""
    text = reader.fields.get(name)
    if text is None:
        return None
    number = parse_whole(text)
    if number is None or not least <= number <= most:
        reader.add(name, f"must be a whole number from {least:,} to {most:,}")
        return None
    return number


def _read_statuses(reader: FieldReader) -> frozenset[str]:
    """Return the statuses in a field, separated by commas; none for all."""
    text = reader.text("status", 200)
    statuses = frozenset(text.split(",")) if text else frozenset()
    if not statuses <= frozenset(STATUSES):
        reader.add("status", f"must be one of {', '.join(STATUSES)}, or several with commas")
        return frozenset()
    return statuses
