"""Story of one call of a service: its attempts, and its answer; pure."""

from collections.abc import Iterator, Mapping

from gateway.core.formats import format_time
from gateway.store.outgoing.calls import TracedCall
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.attempts import attempt_lines
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
    return head.with_below(*_attempt_lines(call))


def _attempt_lines(call: TracedCall) -> Iterator[StoryLine]:
    yield from attempt_lines(call, has_succeeded=call.stage == "answered")
    if call.stage == "waiting" and not call.count:
        yield StoryLine("no attempt yet", "worker-outgoing makes it", tone="odd")
    elif call.stage == "waiting" and call.next_at:
        yield StoryLine("made next", f"at {format_time(call.next_at)}", tone="odd")
