"""Terminal of `gateway chat`: executes typed lines, and shows messages that arrive."""

import queue
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from gateway.cli.develop.chat.explain import ChatTraces
from gateway.cli.develop.chat.message_view import (
    Offer,
    offers,
    parse_line,
    parse_phone_number,
    render_message,
)
from gateway.cli.develop.chat.sandbox_client import RefusedError, SandboxClient
from gateway.cli.develop.rules.stored_event import StoredEvent
from gateway.core.text import printable

Lines = queue.Queue[str]

QUIT = "/quit"
PATIENCE_S = 8.0
LOOK_EVERY_S = 0.3
LOOK_SOON_S = 0.1
GREY, ODD = "bright_black", "yellow"
TIMES = r"\d{1,5}"

# The effect of each command on the next messages, and its fault for the sandbox.
FAULTS: Mapping[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "/lose": ("Meta takes the message, and its answer is lost", lambda n: {"lose": n}),
    "/slow": ("Meta answers after two seconds", lambda n: {"slow": {"seconds": 2, "times": n}}),
    "/duplicate": ("the webhook comes twice", lambda n: {"duplicate": n}),
    "/throttle": (
        "Meta refuses because of too many messages",
        lambda n: {"error": {"code": 130429, "status": 429, "times": n}},
    ),
}
HELP = (
    "type a text, or the number of a button",
    "/as +351900000002  be another customer",
    *(f"{name} [N]  {what}, N times; 0 ends it" for name, (what, _) in FAULTS.items()),
    QUIT,
)


@dataclass(slots=True)
class ChatPhone:
    """State of one customer's phone."""

    customer: str
    last_seq: int = 0
    offered: tuple[Offer, ...] = ()


class ChatPhones:
    """Phones of several customers, of which one is active."""

    def __init__(
        self,
        sandbox: SandboxClient,
        traces: ChatTraces,
        customers: Sequence[str],
        *,
        at_terminal: bool,
    ) -> None:
        """Activate the phones, the first one last."""
        self._sandbox, self._traces, self._at_terminal = sandbox, traces, at_terminal
        self._console = Console(highlight=False, soft_wrap=True)
        self._phones: dict[str, ChatPhone] = {}
        self._acknowledged: set[str] = set()
        for one in reversed(customers):
            self._take_up(one)

    def follow(self, lines: Lines) -> None:
        """Execute the lines until they end, and show arriving messages meanwhile."""
        self._print("  a number taps a button, /help tells more", GREY)
        self._prompt()
        while (line := self._next_line(lines)) != QUIT:
            if not self._at_terminal and line:
                self._print(f"{self._prompt_text()} {line}")
            try:
                self._execute(line)
            except RefusedError as error:
                self._print(f"  {error}", ODD)
            self._prompt()

    def _next_line(self, lines: Lines) -> str:
        while True:
            try:
                return lines.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                if self._poll(0):
                    self._prompt()

    def _execute(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        if command == "/as":
            self._switch(rest)
        elif command in FAULTS:
            self._arm(command, rest.strip() or "1")
        elif line == "/help":
            self._print("\n".join(f"  {one}" for one in HELP), GREY)
        elif line.startswith("/"):
            self._print(f"  There is no {command}; /help tells what there is.", ODD)
        elif line:
            self._write(line)

    def _switch(self, text: str) -> None:
        digits = parse_phone_number(text)
        if digits is None:
            self._print("  That is no phone number: write one as +351900000001.", ODD)
        else:
            self._take_up(digits)

    def _take_up(self, digits: str) -> None:
        """Activate a phone; earlier messages of a new one are not shown again."""
        self._hand = self._phones.setdefault(digits, ChatPhone(digits))
        if not self._hand.last_seq:
            for event in self._sandbox.events(digits, 0, 0):
                self._record(self._hand, event)

    def _arm(self, command: str, times: str) -> None:
        if not re.fullmatch(TIMES, times, re.ASCII):
            self._print(f"  Write {command}, or {command} 3 for three times.", ODD)
            return
        what, fault = FAULTS[command]
        self._sandbox.arm(fault(int(times)))
        self._print(f"  {what}: {times} × from now", GREY)

    def _write(self, line: str) -> None:
        """Send a message, and show its effects."""
        request, tapped = parse_line(line, self._hand.offered)
        before = self._traces.contact(self._hand.customer)
        wamid = self._sandbox.send_message(self._hand.customer, request)
        message = self._traces.track_message(wamid, self._hand.customer, line, tapped, before)
        deadline = time.monotonic() + PATIENCE_S
        while not (wamid in self._acknowledged and self._traces.is_answered(message)):
            self._poll(LOOK_SOON_S)
            if time.monotonic() > deadline:
                self._print(f"  {self._describe_wait(wamid, message)}", ODD)
                break
        self._poll(0)
        if self._traces.is_planned(message):
            self._print(
                "\n".join(f"    {line}" for line in self._traces.explain_reply(message)), GREY
            )

    def _describe_wait(self, wamid: str, message: StoredEvent) -> str:
        """Describe what has not happened in time."""
        if wamid not in self._acknowledged:
            return "The webhook was not acknowledged yet; it is delivered again and again."
        if not self._traces.is_planned(message):
            return "Kept, but no worker has looked at it yet."
        return "The answer waits to be sent; it comes by itself."

    def _poll(self, wait_s: float) -> bool:
        """Show new messages on every phone; only the active one is waited for."""
        anything = False
        for phone in [self._hand, *(one for one in self._phones.values() if one is not self._hand)]:
            wait_for_it = wait_s if phone is self._hand else 0
            for event in self._sandbox.events(phone.customer, phone.last_seq, wait_for_it):
                self._record(phone, event)
                anything = self._show(phone, event) or anything
        return anything

    def _record(self, phone: ChatPhone, event: Mapping[str, Any]) -> None:
        phone.last_seq = event["seq"]
        if event["kind"] == "message":
            phone.offered = offers(event["body"])
        elif event["kind"] == "webhook" and event["http_status"] == 200:
            self._acknowledged.add(event["message_id"])

    def _show(self, phone: ChatPhone, event: Mapping[str, Any]) -> bool:
        whose = "" if phone is self._hand else f"+{phone.customer} "
        match event["kind"]:
            case "message":
                self._print(whose + "‹ " + "\n  ".join(render_message(event["body"])), "green")
            case "read":
                self._print(f"  {whose}✓✓ read", GREY)
            case "typing":
                self._print(f"  {whose}typing …", GREY)
            case "notification":
                self._print(f"  {whose}! notified: {event['text']}", ODD)
            case "webhook":
                self._print(*_render_webhook(event["http_status"]))
            case _:
                return False
        return True

    def _prompt_text(self) -> str:
        return f"+{self._hand.customer} ›"

    def _prompt(self) -> None:
        if self._at_terminal:
            self._console.print(Text(f"{self._prompt_text()} ", "bold"), end="")

    def _print(self, text: str, style: str = "") -> None:
        # Over the prompt, which is printed again after it.
        if self._at_terminal:
            self._console.file.write("\r\x1b[K")
        self._console.print(Text(printable(text), style))


def _render_webhook(http_status: int) -> tuple[str, str]:
    if http_status == 200:
        return "  ✓", GREY
    outcome = f"answered {http_status}" if http_status else "gave no answer"
    return f"  the webhook {outcome}; Meta delivers it again", ODD
