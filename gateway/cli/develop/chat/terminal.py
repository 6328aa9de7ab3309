"""Terminal of `gateway chat`: executes typed lines, and shows messages that arrive."""

import queue
import time
from collections import Counter
from collections.abc import Callable, Sequence

from gateway.cli.develop.chat.commands import FAULTS, explain_unknown, find_command, list_help
from gateway.cli.develop.chat.customer_messages import (
    MESSAGES,
    InputError,
    Request,
    build_requests,
)
from gateway.cli.develop.chat.explain import ChatTraces
from gateway.cli.develop.chat.message_view import parse_line, parse_phone_number
from gateway.cli.develop.chat.phones import ChatPhones
from gateway.cli.develop.chat.sandbox_client import RefusedError, SandboxClient
from gateway.cli.develop.chat.screen import GREY, ODD, ChatScreen
from gateway.cli.develop.chat.steering import Steering
from gateway.core.events import Message
from gateway.store.tracing.stored_event import StoredEvent

Lines = queue.Queue[str]

QUIT = "/quit"
PATIENCE_S = 8.0
FAILURE_WITHIN_S = 1.5  # a failed status comes a moment after Meta has accepted the message
LOOK_EVERY_S = 0.3
LOOK_SOON_S = 0.1


class ChatTerminal:
    """Phones of customers, and the lines that a person types on the active one."""

    def __init__(
        self,
        sandbox: SandboxClient,
        traces: ChatTraces,
        customers: Sequence[str],
        *,
        at_terminal: bool,
    ) -> None:
        """Activate the phones, the first one last."""
        self._sandbox, self._traces = sandbox, traces
        self._screen = ChatScreen(at_terminal=at_terminal)
        self._phones = ChatPhones(sandbox, self._screen, customers)
        self._steering = Steering(sandbox, traces)

    def follow(self, lines: Lines) -> None:
        """Execute the lines until they end, and show arriving messages meanwhile."""
        self._screen.print("  a number taps a button, /help shows what else there is", GREY)
        self._prompt()
        while (line := self._next_line(lines)) != QUIT:
            self._screen.echo(self._prompt_text(), line)
            try:
                self._execute(line)
            except (RefusedError, InputError) as error:
                self._screen.print(f"  {error}", ODD)
            self._prompt()

    def _next_line(self, lines: Lines) -> str:
        while True:
            try:
                line = lines.get(timeout=LOOK_EVERY_S)
                return QUIT if find_command(line) == QUIT else line
            except queue.Empty:
                if self._phones.poll(0):
                    self._prompt()

    def _execute(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if not line.startswith("/"):
            self._write([parse_line(line, self._phones.active.offered)] if line else [])
        elif (command := find_command(word)) is None:
            raise InputError(explain_unknown(word))
        elif command in MESSAGES:
            self._write(build_requests(command, rest, self._phones.active.last_answer))
        elif command in FAULTS:
            self._print_note(self._steering.arm(command, rest))
        else:
            self._steer(command, rest)

    def _steer(self, command: str, rest: str) -> None:
        customer, steering = self._phones.active.customer, self._steering
        commands: dict[str, Callable[[], str]] = {
            "/as": lambda: self._switch(rest),
            "/why": self._explain_last,
            "/window": lambda: steering.describe_window(customer),
            "/expire": lambda: steering.expire_window(customer),
            "/hours": lambda: steering.set_hours(rest),
            "/fail": lambda: steering.fail(rest),
            "/help": lambda: "\n".join(list_help()),
        }
        self._print_note(commands[command]())

    def _switch(self, text: str) -> str:
        digits = parse_phone_number(text)
        if digits is None:
            raise InputError("That is no phone number: write one as +351900000001.")
        self._phones.take_up(digits)
        return ""

    def _explain_last(self) -> str:
        if not self._phones.active.written:
            raise InputError("Write something first; /why says then what each rule said of it.")
        return "\n".join(
            line for one in self._phones.active.written for line in self._traces.explain_reply(one)
        )

    def _write(self, requests: Sequence[Request]) -> None:
        """Send messages, and show their effects."""
        phone, began = self._phones.active, time.monotonic()
        before, answers = self._traces.contact(phone.customer), phone.answers
        written = []
        for request in requests:
            message = self._sandbox.send_message(phone.customer, request)
            written.append(self._traces.track_message(phone.customer, message, before))
        phone.written = written or phone.written
        took_s = self._await_answers(written, answers, began + PATIENCE_S) - began
        self._report(written, took_s, answers)

    def _await_answers(
        self, written: Sequence[StoredEvent], answers: int, deadline: float
    ) -> float:
        """Show what arrives until all is answered; return when the first answer came."""
        waiting, first_at = list(written), 0.0
        while waiting:
            self._phones.poll(LOOK_SOON_S)
            if not first_at and self._phones.active.answers > answers:
                first_at = time.monotonic()
            waiting = [one for one in waiting if not self._is_done(one)]
            if waiting and time.monotonic() > deadline:
                self._screen.print(f"  {self._describe_wait(waiting[0])}", ODD)
                break
        self._phones.poll(0)
        return first_at or time.monotonic()

    def _is_done(self, message: StoredEvent) -> bool:
        return self._is_acknowledged(message) and self._traces.is_answered(message)

    def _is_acknowledged(self, message: StoredEvent) -> bool:
        event = message.event
        return isinstance(event, Message) and event.id in self._phones.acknowledged

    def _report(self, written: Sequence[StoredEvent], took_s: float, answers: int) -> None:
        """Print why each message was answered, or what failed."""
        planned = [one for one in written if self._traces.is_planned(one)]
        reasons = Counter(map(self._traces.summarize_reply, planned))
        for reason, count in reasons.items():
            times = f"{count} × " if count > 1 else ""
            took = f"{took_s:.1f} s" if took_s >= 1 else f"{took_s * 1000:.0f} ms"
            self._screen.print(f"    {times}{reason} · {took}", GREY)
        if self._phones.active.answers > answers:
            return
        for failure in self._await_failures(planned):
            self._screen.print(f"    {failure}", ODD)

    def _await_failures(self, planned: Sequence[StoredEvent]) -> list[str]:
        """Return what failed; an answer that no phone shows fails soon, or needed none."""
        deadline = time.monotonic() + FAILURE_WITHIN_S
        while any(self._traces.has_sends(one) for one in planned):
            failures = [line for one in planned for line in self._traces.describe_failures(one)]
            if failures or time.monotonic() > deadline:
                return failures
            self._phones.poll(LOOK_SOON_S)
        return []

    def _describe_wait(self, message: StoredEvent) -> str:
        """Describe what has not happened in time."""
        if not self._is_acknowledged(message):
            return "The webhook was not acknowledged yet; it is delivered again and again."
        if not self._traces.is_planned(message):
            return "Kept, but no worker has looked at it yet."
        return "The answer waits to be sent; it comes by itself."

    def _prompt_text(self) -> str:
        return f"+{self._phones.active.customer} ›"

    def _prompt(self) -> None:
        self._screen.prompt(self._prompt_text())

    def _print_note(self, text: str) -> None:
        if text:
            self._screen.print("\n".join(f"  {line}" for line in text.splitlines()), GREY)
