"""The last lines of the checklist: a message from a phone, and what became of it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.cli.common import tunnel_checks
from gateway.cli.common.callback_probe import Probe
from gateway.cli.common.masking import Words
from gateway.cli.common.tunnel_checks import Check
from gateway.cli.trace.story import Teller
from gateway.cli.tunnel.tunnel_reply import delivered, reply
from gateway.cli.tunnel.tunnel_watch import Watch
from gateway.config.settings import Settings
from gateway.core.events import Message
from gateway.store.inbox.history import Arrivals
from gateway.store.traces import Trace, Traces

REPLIED_WITHIN_S = 60.0
DELIVERED_WITHIN_S = 15.0
QUIET_S = 60.0
ADDRESS_EVERY_S = 30.0
NOTHING = Check(
    "message",
    "odd",
    "nothing came yet",
    "Is it the right number, and the phone online? docs/local.md has what else it may be.",
)


@dataclass(slots=True)
class Messages:
    """Tells of each message that comes, and looks after the address meanwhile."""

    watch: Watch
    arrivals: Arrivals
    traces: Traces
    settings: Settings
    words: Words
    real: bool
    _seen: set[str] = field(default_factory=set)
    _is_up: bool = True

    def follow(self, display: str, probe: Probe) -> None:
        """Say what to do on the phone, and tell what comes until somebody wants to stop."""
        self.watch.screen.show(Check("message", "wait", f"write from a phone to {display}"))
        hint_at = time.monotonic() + QUIET_S
        look_at = time.monotonic() + ADDRESS_EVERY_S
        while self.watch.go_on():
            for message in self._new():
                self._tell(message)
            if not self._seen and time.monotonic() > hint_at:
                self.watch.screen.show(NOTHING)
                hint_at = float("inf")
            if time.monotonic() > look_at:
                self._look(probe)
                look_at = time.monotonic() + ADDRESS_EVERY_S

    def _new(self) -> list[Message]:
        """Return the messages to our number that came since; one that comes twice is one."""
        came = (kept.event for kept in self.arrivals.new())
        ours = self.settings.meta_phone_number_id
        found = [one for one in came if isinstance(one, Message) and one.number == ours]
        fresh = {one.id: one for one in found if one.id not in self._seen}
        self._seen |= fresh.keys()
        return list(fresh.values())

    def _tell(self, message: Message) -> None:
        """Tell of a message, of its reply, and then all that is known of both."""
        settled, show = self.watch.settled, self.watch.screen.show
        show(Check("message", "good", f"{self.words.event(message)} was kept"))
        answer = settled(lambda: reply(self._trace(message), real=self.real), REPLIED_WITHIN_S)
        show(answer)
        if answer.tone == "good":
            show(settled(lambda: delivered(self._trace(message)), DELIVERED_WITHIN_S))
        teller = Teller(self.words, datetime.now(UTC), self.settings.gateway_retention)
        self.watch.screen.story(teller.tell(self.traces.of_wamid(message.id)))

    def _trace(self, message: Message) -> Trace | None:
        found = self.traces.of_wamid(message.id).traces
        return next((one for one in found if one.number == message.number), None)

    def _look(self, probe: Probe) -> None:
        """Tell when the address ceases to lead here, and when it does again."""
        check = tunnel_checks.alive(probe.alive())
        is_up = check.tone == "good"
        if is_up != self._is_up:
            self._is_up = is_up
            self.watch.screen.show(check)
