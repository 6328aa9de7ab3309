"""Phones of `gateway chat`: what each customer's phone has got, read from the sandbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.cli.develop.chat.customer_messages import LastAnswer
from gateway.cli.develop.chat.message_view import Offer, offers, render_message
from gateway.cli.develop.chat.sandbox_client import SandboxClient
from gateway.cli.develop.chat.screen import GOOD, GREY, ODD, ChatScreen
from gateway.store.tracing.stored_event import StoredEvent

# Events by which a customer sees that something came of a message.
ANSWERS = frozenset({"message", "read", "typing"})


@dataclass(slots=True)
class ChatPhone:
    """State of one customer's phone."""

    customer: str
    last_seq: int = 0
    offered: tuple[Offer, ...] = ()
    last_answer: LastAnswer = field(default_factory=LastAnswer, repr=False)
    answers: int = 0  # events of ANSWERS so far
    written: Sequence[StoredEvent] = field(default=(), repr=False)  # by the last line


class ChatPhones:
    """Phones of several customers, of which one is active."""

    def __init__(
        self, sandbox: SandboxClient, screen: ChatScreen, customers: Sequence[str]
    ) -> None:
        """Activate the phones, the first one last."""
        self._sandbox, self._screen = sandbox, screen
        self._phones: dict[str, ChatPhone] = {}
        self.acknowledged: set[str] = set()
        for one in reversed(customers):
            self.take_up(one)

    def take_up(self, digits: str) -> None:
        """Activate a phone; earlier messages of a new one are not shown again."""
        self.active = self._phones.setdefault(digits, ChatPhone(digits))
        if not self.active.last_seq:
            for event in self._sandbox.events(digits, 0, 0):
                self._record(self.active, event)

    def poll(self, wait_s: float) -> bool:
        """Show new messages on every phone; only the active one is waited for."""
        anything, active = False, self.active
        for phone in [active, *(one for one in self._phones.values() if one is not active)]:
            wait_for_it = wait_s if phone is active else 0
            for event in self._sandbox.events(phone.customer, phone.last_seq, wait_for_it):
                self._record(phone, event)
                anything = self._show(phone, event) or anything
        return anything

    def _record(self, phone: ChatPhone, event: Mapping[str, Any]) -> None:
        phone.last_seq = event["seq"]
        phone.answers += event["kind"] in ANSWERS
        if event["kind"] == "message":
            phone.offered = offers(event["body"])
            phone.last_answer = LastAnswer(event["id"], event["body"])
        elif event["kind"] == "webhook" and event["http_status"] == 200:
            self.acknowledged.add(event["message_id"])

    def _show(self, phone: ChatPhone, event: Mapping[str, Any]) -> bool:
        whose = "" if phone is self.active else f"+{phone.customer} "
        match event["kind"]:
            case "message":
                lines = "\n  ".join(render_message(event["body"]))
                self._screen.print(f"{whose}‹ {lines}", GOOD)
            case "read":
                self._screen.print(f"  {whose}✓✓ read", GREY)
            case "typing":
                self._screen.print(f"  {whose}typing …", GREY)
            case "notification":
                self._screen.print(f"  {whose}! notified: {event['text']}", ODD)
            case "webhook":
                self._screen.print(*_render_webhook(event["http_status"]))
            case _:
                return False
        return True


def _render_webhook(http_status: int) -> tuple[str, str]:
    if http_status == 200:
        return "  ✓", GREY
    outcome = f"answered {http_status}" if http_status else "gave no answer"
    return f"  the webhook {outcome}; Meta delivers it again", ODD
