"""What became of a message that was waited for, as a line of the checklist; pure."""

from gateway.cli.tunnel_checks import Check
from gateway.core.sends import RUNGS
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
