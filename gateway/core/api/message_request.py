"""Request to send a message: read from a client's JSON, then planned as a send; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core import messages
from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.message_content import CONTENT, ENVELOPE, read_content, read_template
from gateway.core.api.recipient import Recipient, address_to, name_group, read_recipient
from gateway.core.contacts.contact import Contact
from gateway.core.sending.preflight import is_window_open
from gateway.core.sending.send import (
    BULK,
    BULK_LIFETIME,
    NOTICE,
    PRIORITIES,
    REPLY,
    REPLY_LIFETIME,
    WAITING_LIFETIME,
    ClosedWindowAction,
    Send,
)

MOST_AHEAD = timedelta(days=366)
PAST_IS_NOW = timedelta(seconds=60)  # so much in the past counts as now
MOST_LIFETIME = timedelta(days=30)
MOST_REFERENCE = 128
UNKNOWN_NUMBER = FieldError("#/from", "is none of our numbers")
NO_REPLY = (
    "can be reply only where the message goes now, and quotes one (reply_to) or the customer's "
    "window is open; leave it out, or write notice or bulk"
)
_CLOSED: Mapping[str, ClosedWindowAction] = {"fail": "", "drop": "drop", "wait": "wait"}
OPTIONS = frozenset(
    {"from", "reply_to", "context", "send_at", "expires_at"}
    | {"ttl", "priority", "when_closed", "reference", "marketing"}
)
FIELDS = OPTIONS | CONTENT | ENVELOPE.keys() | {"to", "type"}


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A message that a client wants to be sent, checked as far as that needs no clock."""

    recipient: Recipient = field(repr=False)
    body: messages.Body = field(repr=False)
    number: str = ""  # the phone number id to send from, "" for the default
    is_answer: bool = False
    send_at: datetime | None = None
    expires_at: datetime | None = None
    ttl: timedelta | None = None
    priority: str = ""  # "" is reply where that is possible, else notice
    closed: ClosedWindowAction = ""
    instead: messages.Body | None = field(default=None, repr=False)
    reference: str = ""
    marketing: bool = False
    repeatable: bool = False  # a read mark or a typing indicator


def read_request(fields: Mapping[str, Any], country: str = "") -> MessageRequest | list[FieldError]:
    """Return the request in a JSON object, or everything that is wrong with it.

    `country` is that of the account, by which national phone numbers are read, "" for none.
    """
    reader = FieldReader(name_group(fields))
    reader.refuse_unknown(FIELDS)
    recipient, body = read_recipient(reader, "to", country), read_content(reader)
    options = {} if OPTIONS.isdisjoint(reader.fields) else _read_options(reader)
    if reader.errors or recipient is None or body is None:
        return reader.errors
    if answered := options.pop("answered", ""):
        body = body | {"context": {"message_id": answered}}
    return MessageRequest(recipient, body, is_answer=bool(answered), **options)


def _read_options(reader: FieldReader) -> dict[str, Any]:
    """Return what goes with a message: the fields of its request, and the wamid it answers."""
    answered = _read_answered(reader)
    closed, instead = _read_when_closed(reader)
    send_at, expires_at = read_moment(reader, "send_at"), read_moment(reader, "expires_at")
    ttl = reader.integer("ttl", 1, int(MOST_LIFETIME.total_seconds()))
    if ttl is not None and reader.fields.get("expires_at") is not None:
        reader.add("ttl", "must be left out beside expires_at")
    return {
        "answered": answered,
        "closed": closed,
        "instead": instead,
        "send_at": send_at,
        "expires_at": expires_at,
        "ttl": timedelta(seconds=ttl) if ttl is not None else None,
        "number": reader.text("from", 64),
        "priority": reader.choice("priority", PRIORITIES),
        "reference": reader.text("reference", MOST_REFERENCE),
        "marketing": reader.flag("marketing"),
    }


def read_from_number(
    fields: Mapping[str, Any], default: str, country_of: Callable[[str], str]
) -> tuple[str, MessageRequest] | list[FieldError]:
    """Return the number to send from, and the request; or everything that is wrong.

    `default` is the number unless the request names one, "" for none; `country_of` returns the
    country of a number's account. Whether the number is ours is for the caller to see.
    """
    named = fields.get("from")
    country = country_of(named if named and isinstance(named, str) else default)
    request = read_request(fields, country)
    if not isinstance(request, MessageRequest):
        return request
    if number := request.number or default:
        return number, request
    return [FieldError("#/from", "is missing, and there is no default account")]


def plan_request(
    request: MessageRequest, id_: str, contact: Contact, now: datetime
) -> Send | list[FieldError]:
    """Return the send that a request asks for at this moment, or why its times do not fit."""
    reader = FieldReader({})
    due_at = request.send_at if request.send_at and request.send_at > now else None
    if request.send_at and now - request.send_at > PAST_IS_NOW:
        reader.add("send_at", "is in the past")
    if request.send_at and request.send_at - now > MOST_AHEAD:
        reader.add("send_at", f"is more than {MOST_AHEAD.days} days ahead")
    priority = _decide_priority(request, contact, due_at, now)
    if request.priority == REPLY != priority:
        reader.add("priority", NO_REPLY)
    since = due_at or now
    expires_at = request.expires_at or since + (request.ttl or _default_lifetime(request))
    if expires_at <= since:
        reader.add("expires_at", "is not after the moment of sending")
    elif expires_at - since > MOST_LIFETIME:
        reader.add("expires_at", f"is more than {MOST_LIFETIME.days} days after sending")
    if reader.errors:
        return reader.errors
    return Send(
        id=id_,
        lane=contact.key,
        priority=priority,
        body=_with_recipient(request.body, contact, request.recipient),
        expires_at=expires_at,
        due_at=due_at,
        marketing=request.marketing,
        closed=request.closed,
        instead=request.instead and _with_recipient(request.instead, contact, request.recipient),
        reference=request.reference,
        requested=True,
        repeatable=request.repeatable,
    )


def _with_recipient(body: messages.Body, contact: Contact, recipient: Recipient) -> messages.Body:
    if recipient.group_id:
        return messages.with_group(body, recipient.group_id)
    return messages.with_recipient(body, address_to(contact, recipient))


def _decide_priority(
    request: MessageRequest, contact: Contact, due_at: datetime | None, now: datetime
) -> str:
    if request.priority in (NOTICE, BULK):
        return request.priority
    is_expected = request.is_answer or is_window_open(contact, now)
    return REPLY if is_expected and due_at is None else NOTICE


def _default_lifetime(request: MessageRequest) -> timedelta:
    if request.closed == "wait":
        return WAITING_LIFETIME
    return REPLY_LIFETIME if request.is_answer else BULK_LIFETIME


def _read_answered(reader: FieldReader) -> str:
    """Return the wamid of the message that is answered, in our form or in Meta's."""
    answered = reader.text("reply_to", 256)
    match reader.fields.get("context"):
        case None:
            return answered
        case {"message_id": str(wamid), **rest} if not rest and 0 < len(wamid) <= 256:
            if answered and answered != wamid:
                reader.add("context", "names another message than reply_to")
            return wamid
        case _:
            reader.add("context", 'must be {"message_id": "wamid.…"}')
            return answered


def _read_when_closed(reader: FieldReader) -> tuple[ClosedWindowAction, messages.Body | None]:
    """Return what to do if the customer has been silent for 24 hours, and with which template."""
    match reader.fields.get("when_closed"):
        case None:
            return "", None
        case str(word) if word in _CLOSED:
            return _CLOSED[word], None
        case {"template": template, **rest} if not rest:
            inner = FieldReader(
                {"template": template}, f"{reader.pointer}/when_closed", reader.errors
            )
            return "template", read_template(inner, "template")
        case _:
            words = ", ".join(_CLOSED)
            reader.add("when_closed", f'must be one of {words}, or {{"template": {{…}}}}')
            return "", None


def read_moment(reader: FieldReader, name: str) -> datetime | None:
    """Return a moment in a field, which must name its offset."""
    given = reader.fields.get(name)
    if given is None:
        return None
    form = "must be a time with its offset, such as 2026-12-01T09:00:00+01:00"
    if not isinstance(given, str) or len(given) > 40 or "T" not in given.upper():
        reader.add(name, form)
        return None
    try:
        at = datetime.fromisoformat(given)
        moment = at.astimezone(UTC) if at.tzinfo else None
        # The store counts milliseconds, and an answer repeats what is stored.
        moment = moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        reader.add(name, form)
    return moment
