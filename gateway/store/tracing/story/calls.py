"""Story of one call of a service: its attempts, and its answer; pure."""

from collections.abc import Mapping

from gateway.store.outgoing.calls import TracedCall
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.attempts import post_lines
from gateway.store.tracing.story.story_line import StoryLine, Tone

FORGOTTEN = "forgotten: what is left of a call goes after GATEWAY_RETENTION, or a day"
STAGES: Mapping[str, tuple[str, Tone]] = {
    "waiting": ("waits for its answer", "odd"),
    "answered": ("answered", "good"),
    "failed": ("failed", "bad"),
    "crowded_out": ("failed, because 10,000 newer ones waited", "bad"),
}


def describe_call(call: TracedCall, masking: Masking) -> StoryLine:
    """Return the story of a call."""
    name = f"call {call.id}"
    if not call.stage:
        return StoryLine(name, FORGOTTEN, tone="odd")
    stage, tone = STAGES.get(call.stage, (call.stage, "odd"))
    method, service, path, rule = (
        str(call.payload.get(key, "")) for key in ("method", "service", "path", "rule")
    )
    details = f"{method} {service}, {masking.quote(path)}, by rule {rule}: {stage}"
    head = StoryLine(name, details, call.planned_at, tone)
    is_answered = call.stage == "answered"
    made_by = "worker-outgoing makes it"
    return head.with_below(
        *post_lines(call, has_succeeded=is_answered, first=made_by, again="made next")
    )
