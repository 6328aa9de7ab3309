"""Requests for lists: filters, limit and cursor as a client writes them in a query; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.api.field_errors import FieldError, FieldReader, parse_whole
from gateway.core.api.message_request import MOST_REFERENCE, read_moment
from gateway.core.api.recipient import Recipient, parse_user_id, read_recipient

MOST_LISTED, LISTED = 200, 50
STATUSES = (
    "scheduled", "queued", "attempting", "unconfirmed", "accepted", "sent", "delivered", "read",
    "played", "failed", "expired", "cancelled",
)  # fmt: skip
MESSAGE_FIELDS = frozenset(
    {"to", "from", "reference", "status", "since", "until", "limit", "cursor"}
)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A page of a list: of one of our numbers or all, of a person or all, of a time or all."""

    number: str = ""
    recipient: Recipient | None = field(default=None, repr=False)
    reference: str = ""
    statuses: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    limit: int = LISTED
    cursor: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Return the name under which the store finds the person, "" for all."""
        return self.recipient.name if self.recipient else ""

    def describe_filters(self) -> str:
        """Return the filters in the one form to which a cursor is bound."""
        moments = [one.isoformat() if one else "" for one in (self.since, self.until)]
        parts = (self.number, self.name, self.reference, ",".join(sorted(self.statuses)), *moments)
        return "|".join(f"{len(part)}:{part}" for part in parts)


def read_message_list(query: Mapping[str, str], country: str) -> ListRequest | list[FieldError]:
    """Return the request in a query for messages, or everything that is wrong with it.

    `country` is that by which a national phone number is read, "" for none.
    """
    reader = FieldReader(query)
    reader.refuse_unknown(MESSAGE_FIELDS)
    recipient = read_person(reader, "to", country)
    request = ListRequest(
        number=reader.text("from", 64),
        recipient=recipient,
        reference=reader.text("reference", MOST_REFERENCE),
        statuses=_read_statuses(reader),
        since=read_moment(reader, "since"),
        until=read_moment(reader, "until"),
        limit=read_number(reader, "limit", 1, MOST_LISTED) or LISTED,
        cursor=query.get("cursor", ""),
    )
    return reader.errors or request


def read_person(reader: FieldReader, name: str, country: str) -> Recipient | None:
    """Return the person in a field of a query: a phone number, or a user id as it is."""
    text = reader.fields.get(name)
    if text is None:
        return None
    if user_id := parse_user_id(text):
        return Recipient("", user_id)
    return read_recipient(reader, name, country)


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
