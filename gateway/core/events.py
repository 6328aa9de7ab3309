"""Events: one delivery is one POST, and everything inside it is an event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST as it was stored: the bytes that were signed and their place in the inbox."""

    id: str  # "<partition>:<entry>", for example "3:1763830000000-0"
    received_at: datetime
    body: bytes
    account: str = ""
    secret: str = ""  # which of the active app secrets signed it, never the secret itself
    origin: str = "meta"  # "internal": the gateway put it back itself; "replay": the operator did


@dataclass(frozen=True, slots=True)
class CampaignMessage:
    """A campaign's message to a customer, which an event of theirs answers."""

    send: str  # id of the send, which names the campaign and the recipient
    campaign: str  # its id
    name: str
    sent_at: datetime  # when it was queued
    is_quoted: bool = False  # they tapped a button of it, or quoted it


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, with the key under which it has its effect once."""

    kind: ClassVar[str]

    key: str
    delivery: str
    item: int  # position among the events of its delivery
    number: str  # our phone number id, "" if the event belongs to none
    contact: str  # a key of the customer (core/webhook/phone_numbers.py), "" if there is none
    also: tuple[str, ...] = field(default=(), repr=False)  # other keys of the same customer
    wa_id: str = field(default="", repr=False)  # Meta's present id of the customer
    user_id: str = field(default="", repr=False)
    at: datetime
    replayed: bool = False  # the operator put it back, so its delay means nothing
    # Not from the delivery: the store adds it when the event is planned.
    answers: CampaignMessage | None = field(default=None, repr=False)
    raw: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Event):
    """A customer wrote, tapped, reacted or sent a file."""

    kind: ClassVar[str] = "message"

    id: str  # wamid
    type: str
    text: str | None = field(default=None, repr=False)  # body, caption or the title that was tapped
    tapped: str | None = None  # id of the button or list row
    name: str = field(default="", repr=False)
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Event):
    """Meta reports how far one of our sends got."""

    kind: ClassVar[str] = "status"

    id: str  # wamid of our message
    status: str
    callback: str = ""  # biz_opaque_callback_data as we gave it
    code: int | None = None
    errors: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    participant: str = field(default="", repr=False)  # of a group, whom it is about
    pricing: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Any other webhook: account, templates, echoes, errors of a value, unknown fields."""

    kind: ClassVar[str] = "notice"

    field: str
    waba: str = ""  # Meta's id of the account that it is about


# Who began a call, in Meta's words.
BY_CUSTOMER, BY_US = "USER_INITIATED", "BUSINESS_INITIATED"
# What became of a call, as rules name it; "" where Meta's webhook says nothing of the kind.
CallOutcome = Literal[
    "", "ringing", "missed", "ended", "rejected", "calling", "answered", "failed"
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneCall(Notice):
    """A call of a customer's to us, or of ours to them: it rings, was answered, or is over."""

    direction: str  # BY_CUSTOMER, BY_US, or "" if Meta does not say
    outcome: CallOutcome
    began_at: datetime  # when it was picked up, else when this happened
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalEvent(Event):
    """An event that the gateway put into the inbox itself, for example a timer that fired."""

    kind: ClassVar[str] = "returned"

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Event):
    """Bytes that Meta signed and that are no webhook, or an item without identity."""

    kind: ClassVar[str] = "unreadable"

    reason: str
    source: bytes = field(default=b"", repr=False)  # if they are no JSON, otherwise `raw` has all
