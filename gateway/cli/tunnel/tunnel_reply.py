"""What became of a message that was waited for, as a line of the checklist; pure."""

from gateway.cli.common.tunnel_checks import Check
from gateway.core.sending.send import RUNGS
from gateway.store.traces import Trace

REHEARSED = "the sandbox took it, and no phone shows it: say --real to send it"


def reply(trace: Trace | None, *, real: bool) -> Check:
    """Judge what is known of a message; a waiting line is worth another look."""
    if trace is None:
        return Check("reply", "wait", "the message is being worked off")
    if trace.failed:
        advice = "It is the gateway's fault: report it with the line event_dead of its log."
        return Check("reply", "bad", f"planning failed: {trace.failed.error}", advice)
    if not trace.known:
        return Check("reply", "wait", "a worker has yet to plan it")
    if trace.record is None or not trace.record.sends:
        advice = "See rules/: which rule should have answered?"
        return Check("reply", "odd", "no rule answered it", advice)
    return _sent(trace, real=real)


def _sent(trace: Trace, *, real: bool) -> Check:
    stages = [one.stage for one in trace.sends]
    if all(RUNGS.get(stage, -1) >= RUNGS["accepted"] and stage != "failed" for stage in stages):
        by = ", ".join(rule for rule, _ in trace.record.fired) if trace.record else ""
        told = "Meta took it: look at the phone" if real else REHEARSED
        return Check("reply", "good", f"by rule {by}; {told}")
    ended = next((one for one in trace.sends if one.is_final or one.stage == "failed"), None)
    if ended is None:
        return Check("reply", "wait", "it waits to be sent")
    why = ended.error.get("code")
    told = f"{ended.stage}, with code {why}" if why else ended.stage
    return Check("reply", "bad", told, "The lines below say why, and docs/sending.md what to do.")


def delivered(trace: Trace | None) -> Check:
    """Judge how far a reply got, by the statuses that come back the same way as messages."""
    told = [one.stage for one in trace.sends if one.body.get("type")] if trace else []
    if all(RUNGS.get(stage, 0) >= RUNGS["delivered"] for stage in told):
        return Check("status", "good", ", ".join(told) or "of what was sent Meta tells nothing")
    if "failed" in told:
        return Check(
            "status", "bad", "Meta took it, and could not deliver it", "See the lines below."
        )
    advice = "Is the phone online? Meta tells of it once it is."
    return Check("status", "odd", "not delivered yet", advice, passing=True)
