"""Last lines of the checklist: a message from a phone, and its reply."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.cli.common import callback_probe
from gateway.cli.common.callback_probe import Probe, ProbeCheck
from gateway.cli.setup.tunnel.self_test import TunnelWatch
from gateway.config.settings import Settings
from gateway.core.events import Message
from gateway.core.sending.send import STATUS_RANK
from gateway.store.inbox.history import Arrivals
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.trace import Trace
from gateway.store.tracing.traces import Traces

REHEARSED = "the sandbox took it, and no phone shows it: say --real to send it"


def check_reply(trace: Trace | None, *, real: bool) -> ProbeCheck:
    """Judge the state of a message; a waiting line means to look again later."""
    if trace is None:
        return ProbeCheck("reply", "wait", "the message is being worked off")
    if trace.failure:
        advice = "It is the gateway's fault: report it with the line event_dead of its log."
        return ProbeCheck("reply", "bad", f"planning failed: {trace.failure.error}", advice)
    if not trace.is_known:
        return ProbeCheck("reply", "wait", "a worker has yet to plan it")
    if trace.record is None or not trace.record.sends:
        advice = "See rules/: which rule should have answered?"
        return ProbeCheck("reply", "odd", "no rule answered it", advice)
    return _check_sends(trace, real=real)


def _check_sends(trace: Trace, *, real: bool) -> ProbeCheck:
    stages = [one.stage for one in trace.sends]
    if all(
        STATUS_RANK.get(stage, -1) >= STATUS_RANK["accepted"] and stage != "failed"
        for stage in stages
    ):
        by = ", ".join(rule for rule, _ in trace.record.fired) if trace.record else ""
        message = "Meta took it: look at the phone" if real else REHEARSED
        return ProbeCheck("reply", "good", f"by rule {by}; {message}")
    ended = next((one for one in trace.sends if one.is_final or one.stage == "failed"), None)
    if ended is None:
        return ProbeCheck("reply", "wait", "it waits to be sent")
    code = ended.error.get("code")
    message = f"{ended.stage}, with code {code}" if code else ended.stage
    return ProbeCheck(
        "reply", "bad", message, "The lines below say why, and docs/sending.md what to do."
    )


def check_delivered(trace: Trace | None) -> ProbeCheck:
    """Judge how far a reply got, by the statuses that arrive in the same way as messages."""
    stages = [one.stage for one in trace.sends if one.body.get("type")] if trace else []
    if all(STATUS_RANK.get(stage, 0) >= STATUS_RANK["delivered"] for stage in stages):
        return ProbeCheck(
            "status", "good", ", ".join(stages) or "of what was sent Meta tells nothing"
        )
    if "failed" in stages:
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
    """Reports each arriving message, and checks the address meanwhile."""

    watch: TunnelWatch
    arrivals: Arrivals
    traces: Traces
    settings: Settings
    masking: Masking
    real: bool
    _seen: set[str] = field(default_factory=set)
    _is_up: bool = True

    def follow(self, display: str, probe: Probe) -> None:
        """Show what to do on the phone, and report messages until a signal asks to stop."""
        self.watch.screen.show(ProbeCheck("message", "wait", f"write from a phone to {display}"))
        hint_at = time.monotonic() + QUIET_S
        look_at = time.monotonic() + ADDRESS_EVERY_S
        while self.watch.go_on():
            for message in self._new_messages():
                self._report_message(message)
            if not self._seen and time.monotonic() > hint_at:
                self.watch.screen.show(NOTHING)
                hint_at = float("inf")
            if time.monotonic() > look_at:
                self._check_address(probe)
                look_at = time.monotonic() + ADDRESS_EVERY_S

    def _new_messages(self) -> list[Message]:
        """Return new messages to our number; a duplicate counts once."""
        events = (kept.event for kept in self.arrivals.read_new())
        ours = self.settings.meta_phone_number_id
        messages = [one for one in events if isinstance(one, Message) and one.number == ours]
        new_messages = {one.id: one for one in messages if one.id not in self._seen}
        self._seen |= new_messages.keys()
        return list(new_messages.values())

    def _report_message(self, message: Message) -> None:
        """Report a message, its reply, and then the story of both."""
        wait, show = self.watch.wait_until_settled, self.watch.screen.show
        show(ProbeCheck("message", "good", f"{self.masking.event(message)} was kept"))
        answer = wait(lambda: check_reply(self._trace(message), real=self.real), REPLIED_WITHIN_S)
        show(answer)
        if answer.tone == "good":
            show(wait(lambda: check_delivered(self._trace(message)), DELIVERED_WITHIN_S))
        teller = Teller(self.masking, datetime.now(UTC), self.settings.gateway_retention)
        self.watch.screen.story(teller.tell(self.traces.find_by_wamid(message.id)))

    def _trace(self, message: Message) -> Trace | None:
        traces = self.traces.find_by_wamid(message.id).traces
        return next((one for one in traces if one.number == message.number), None)

    def _check_address(self, probe: Probe) -> None:
        """Report when the address stops leading here, and when it does again."""
        check = callback_probe.check_health(probe.request_health())
        is_up = check.tone == "good"
        if is_up != self._is_up:
            self._is_up = is_up
            self.watch.screen.show(check)
