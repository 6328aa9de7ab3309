"""Simulated customer: Meta's webhooks about a customer's acts, made for tests.

They go through the same readers as real ones, so that a test cannot use what Meta never sends.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.events import BY_CUSTOMER, BY_US, Delivery, Event
from gateway.core.webhook.parser import split
from gateway.rules.testing.testcase import CustomerAct

Item = dict[str, Any]

OURS = "15550100100"
# Late enough that every moment of a test counts as true.
LATER = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class SimulatedCustomer:
    """A customer's phone, which counts the messages that it sends and receives."""

    number: str  # our number, to which the customer writes
    customer: str
    name: str = field(default="", repr=False)
    sent_count: int = 0  # by the customer
    received_count: int = 0  # from us
    last_callback: str = ""  # of our last message
    titles: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> kind and title

    def receive(self, body: Mapping[str, Any], callback: str) -> None:
        """Receive a message of ours; its buttons and rows can be tapped from now on."""
        if "type" not in body:
            return
        self.received_count, self.last_callback = self.received_count + 1, callback
        with suppress(AttributeError, KeyError, TypeError):  # a body that only Meta understands
            self.titles |= _offered_titles(body.get("interactive", {}))

    def message(self, at: datetime, kind: str, content: Any, **beside: Any) -> list[Event]:
        """Send a message of one of Meta's kinds."""
        return self._post("messages", {"messages": [self._item(at, kind, content, beside)]})

    def text(self, at: datetime, body: str, **beside: Any) -> list[Event]:
        """Write a text."""
        return self.message(at, "text", {"body": body}, **beside)

    def tap(self, at: datetime, tapped: str) -> list[Event]:
        """Tap a button or a row, with the title that it was offered with."""
        kind, title = self.titles.get(tapped, ("button_reply", tapped))
        reply = {"type": kind, kind: {"id": tapped, "title": title}}
        return self.message(at, "interactive", reply)

    def react(self, at: datetime, emoji: str) -> list[Event]:
        """React to our last message; "" removes a reaction."""
        content = {"message_id": self._last_received_id(), **({"emoji": emoji} if emoji else {})}
        return self.message(at, "reaction", content)

    def status(self, at: datetime, status: str, code: int | None) -> list[Event]:
        """Let Meta report a status of our last message."""
        item: Item = {
            "id": self._last_received_id(), "status": status, "timestamp": _stamp(at),
            "recipient_id": self.customer,
        }  # fmt: skip
        if self.last_callback:
            item["biz_opaque_callback_data"] = self.last_callback
        if code is not None:
            item["errors"] = [{"code": code, "title": "As the test says"}]
        return self._post("messages", {"statuses": [item]})

    def echo(self, at: datetime, body: str) -> list[Event]:
        """Let a colleague of ours write to the customer from the shop's own phone."""
        item = self._item(at, "text", {"body": body}, {}) | {"from": OURS, "to": self.customer}
        return self._post("smb_message_echoes", {"message_echoes": [item]})

    def call(self, at: datetime, outcome: str) -> list[Event]:
        """Let Meta report what became of a call, of the customer's or of ours."""
        self.sent_count += 1
        name, item = CALLS[outcome]
        of_item = {"id": f"wacid.they{self.sent_count}", "timestamp": _stamp(at), **item}
        sides = {"from": self.customer, "to": OURS}
        if item.get("direction") == BY_US:
            sides = {"from": OURS, "to": self.customer}
        who = {"recipient_id": self.customer} if name == "statuses" else sides
        return self._post("calls", {name: [{**of_item, **who}]})

    def elsewhere(self, at: datetime, event: str, body: str) -> list[Event]:
        """Let Meta post a message as `standby` or `history`."""
        value = {"messages": [self._item(at, "text", {"body": body}, {})]}
        return self._post(event, {"standby": value} if event == "standby" else value)

    def notice(self, at: datetime, name: str, value: Mapping[str, Any]) -> list[Event]:
        """Let Meta post a value under a field of its webhook."""
        return self._post(name, dict(value), int(at.timestamp()))

    def _item(self, at: datetime, kind: str, content: Any, beside: Mapping[str, Any]) -> Item:
        self.sent_count += 1
        written = {"id": f"wamid.they{self.sent_count}", "timestamp": _stamp(at), "type": kind}
        return {"from": self.customer, **written, kind: content, **beside}

    def _last_received_id(self) -> str:
        # Meta reports statuses of our messages under the id that it gave them.
        return f"wamid.we{self.received_count}"

    def _post(self, name: str, payload: Mapping[str, Any], time: int = 0) -> list[Event]:
        contacts = [{"wa_id": self.customer, "profile": {"name": self.name}}]
        metadata = {"display_phone_number": OURS, "phone_number_id": self.number}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **payload}
        value.get("standby", value)["contacts"] = contacts
        entry = {"id": "1", "time": time, "changes": [{"field": name, "value": value}]}
        body = orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})
        return split(Delivery("0:1-0", LATER, body))


def _offered_titles(interactive: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    action = interactive.get("action", {})
    replies = [one["reply"] for one in action.get("buttons", ())]
    rows = [row for section in action.get("sections", ()) for row in section["rows"]]
    return {one["id"]: ("button_reply", one["title"]) for one in replies} | {
        one["id"]: ("list_reply", one["title"]) for one in rows
    }


def _stamp(at: datetime) -> str:
    return str(int(at.timestamp()))


# Of each outcome of a call the list in which Meta reports it, and what is in it.
CALLS: Mapping[str, tuple[str, Item]] = {
    "ringing": ("calls", {"event": "connect", "direction": BY_CUSTOMER}),
    "missed": ("calls", {"event": "terminate", "direction": BY_CUSTOMER, "status": "FAILED"}),
    "ended": (
        "calls",
        {"event": "terminate", "direction": BY_CUSTOMER, "status": "COMPLETED", "duration": 60},
    ),
    "failed": ("calls", {"event": "terminate", "direction": BY_US, "status": "FAILED"}),
    **{
        outcome: ("statuses", {"type": "call", "status": status})
        for outcome, status in (
            ("calling", "RINGING"), ("answered", "ACCEPTED"), ("rejected", "REJECTED"),
        )
    },
}  # fmt: skip

ORDER = {
    "catalog_id": "1",
    "product_items": [
        {"product_retailer_id": "1", "quantity": 1, "item_price": 1, "currency": "EUR"}
    ],
}


def simulate_act(they: CustomerAct, phone: SimulatedCustomer, at: datetime) -> list[Event]:
    """Return the events of a customer's act."""
    beside: dict[str, Any] = {}
    if they.referral is not None:
        beside["referral"] = they.referral
    if they.group is not None:
        beside["group_id"] = they.group
    return ACTS[they.act](they, phone, at, beside)


def _media(
    they: CustomerAct, phone: SimulatedCustomer, at: datetime, beside: Mapping[str, Any]
) -> list[Event]:
    kind = "audio" if they.media == "voice" else str(they.media)
    content: dict[str, Any] = {"id": "1", "mime_type": f"{kind}/*"}
    content |= {"voice": they.media == "voice"} if kind == "audio" else {}
    content |= {"caption": they.text} if they.text else {}
    content |= dict(they.content)
    return phone.message(at, kind, content, **beside)


def _order(
    they: CustomerAct, phone: SimulatedCustomer, at: datetime, beside: Mapping[str, Any]
) -> list[Event]:
    return phone.message(at, "order", ORDER | dict(they.content), **beside)


def _answer_flow(
    they: CustomerAct, phone: SimulatedCustomer, at: datetime, beside: Mapping[str, Any]
) -> list[Event]:
    answers = orjson.dumps({"flow_token": "1"} | (they.flow or {})).decode()
    reply = {"name": "flow", "body": "Sent", "response_json": answers}
    return phone.message(at, "interactive", {"type": "nfm_reply", "nfm_reply": reply}, **beside)


def _elsewhere(
    they: CustomerAct, phone: SimulatedCustomer, at: datetime, _: Mapping[str, Any]
) -> list[Event]:
    text = they.text or ""
    return (
        phone.echo(at, text) if they.event == "echo" else phone.elsewhere(at, str(they.event), text)
    )


Act = Callable[[CustomerAct, SimulatedCustomer, datetime, Mapping[str, Any]], list[Event]]
ACTS: dict[str, Act] = {
    "text": lambda they, phone, at, beside: phone.text(at, str(they.text), **beside),
    "tapped": lambda they, phone, at, _: phone.tap(at, str(they.tapped)),
    "media": _media,
    "reaction": lambda they, phone, at, _: phone.react(at, str(they.reaction)),
    "order": _order,
    "flow": _answer_flow,
    "type": lambda they, phone, at, beside: phone.message(
        at, str(they.type), they.content, **beside
    ),
    "status": lambda they, phone, at, _: phone.status(
        at, str(they.status), they.code[0] if they.code else None
    ),
    "call": lambda they, phone, at, _: phone.call(at, str(they.call)),
    "event": _elsewhere,
    "field": lambda they, phone, at, _: phone.notice(at, str(they.field), they.value),
}
