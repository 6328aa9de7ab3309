"""The last lines of the checklist: a message from a phone, and what became of it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.cli.common import callback_probe
from gateway.cli.common.callback_probe import Probe, ProbeCheck
from gateway.cli.common.masking import Masking
from gateway.cli.operate.trace.story import Teller
from gateway.cli.setup.tunnel.self_test import TunnelWatch
from gateway.config.settings import Settings
from gateway.core.events import Message
from gateway.core.sending.send import RUNGS
from gateway.store.inbox.history import Arrivals
from gateway.store.traces import Trace, Traces

REHEARSED = "the sandbox took it, and no phone shows it: say --real to send it"


def reply(trace: Trace | None, *, real: bool) -> ProbeCheck:
    """Judge what is known of a message; a waiting line is worth another look."""
    if trace is None:
        return ProbeCheck("reply", "wait", "the message is being worked off")
    if trace.failed:
        advice = "It is the gateway's fault: report it with the line event_dead of its log."
        return ProbeCheck("reply", "bad", f"planning failed: {trace.failed.error}", advice)
    if not trace.known:
        return ProbeCheck("reply", "wait", "a worker has yet to plan it")
    if trace.record is None or not trace.record.sends:
        advice = "See rules/: which rule should have answered?"
        return ProbeCheck("reply", "odd", "no rule answered it", advice)
    return _sent(trace, real=real)


def _sent(trace: Trace, *, real: bool) -> ProbeCheck:
    stages = [one.stage for one in trace.sends]
    if all(RUNGS.get(stage, -1) >= RUNGS["accepted"] and stage != "failed" for stage in stages):
        by = ", ".join(rule for rule, _ in trace.record.fired) if trace.record else ""
        told = "Meta took it: look at the phone" if real else REHEARSED
        return ProbeCheck("reply", "good", f"by rule {by}; {told}")
    ended = next((one for one in trace.sends if one.is_final or one.stage == "failed"), None)
    if ended is None:
        return ProbeCheck("reply", "wait", "it waits to be sent")
    why = ended.error.get("code")
    told = f"{ended.stage}, with code {why}" if why else ended.stage
    return ProbeCheck(
        "reply", "bad", told, "The lines below say why, and docs/sending.md what to do."
    )


def delivered(trace: Trace | None) -> ProbeCheck:
    """Judge how far a reply got, by the statuses that come back the same way as messages."""
    told = [one.stage for one in trace.sends if one.body.get("type")] if trace else []
    if all(RUNGS.get(stage, 0) >= RUNGS["delivered"] for stage in told):
        return ProbeCheck(
            "status", "good", ", ".join(told) or "of what was sent Meta tells nothing"
        )
    if "failed" in told:
        return ProbeCheck(
            "status", "bad", "Meta took it, and could not deliver it", "See the lines below."
        )
    advice = "Is the phone online? Meta tells of it once it is."
    return ProbeCheck("status", "odd", "not delivered yet", advice, passing=True)


REPLIED_WITHIN_S = 60.0
DELIVERED_WITHIN_S = 15.0
QUIET_S = 60.0
ADDRESS_EVERY_S = 30.0
NOTHING = ProbeCheck(
    "message",
    "odd",
    "nothing came yet",
    "Is it the right number, and the phone online? docs/local.md has what else it may be.",
)


@dataclass(slots=True)
class Messages:
    """Tells of each message that comes, and looks after the address meanwhile."""

    watch: TunnelWatch
    arrivals: Arrivals
    traces: Traces
    settings: Settings
    words: Masking
    real: bool
    _seen: set[str] = field(default_factory=set)
    _is_up: bool = True

    def follow(self, display: str, probe: Probe) -> None:
        """Say what to do on the phone, and tell what comes until somebody wants to stop."""
        self.watch.screen.show(ProbeCheck("message", "wait", f"write from a phone to {display}"))
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
        show(ProbeCheck("message", "good", f"{self.words.event(message)} was kept"))
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
        check = callback_probe.alive(probe.alive())
        is_up = check.tone == "good"
        if is_up != self._is_up:
            self._is_up = is_up
            self.watch.screen.show(check)
