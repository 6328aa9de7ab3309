"""Story of one forward: its attempts, and whether its receiver took it; pure."""

from collections.abc import Mapping

from gateway.store.outgoing.traced_forwards import TracedForward
from gateway.store.tracing.story.attempts import attempt_lines
from gateway.store.tracing.story.story_line import StoryLine, Tone

STAGES: Mapping[str, tuple[str, Tone]] = {
    "new": ("waits to be posted", "odd"),
    "waiting": ("waits to be received", "odd"),
    "delivered": ("received", "good"),
    "dead": ("a dead letter", "bad"),
}


def describe_forward(forward: TracedForward) -> StoryLine:
    """Return the story of a forward."""
    stage, tone = STAGES.get(forward.stage, (forward.stage, "odd"))
    why = f": {forward.error}" if forward.error else ""
    head = StoryLine(f"forward to {forward.receiver}", f"{stage}{why}", forward.planned_at, tone)
    lines = attempt_lines(forward, has_succeeded=forward.stage == "delivered")
    return head.with_below(*lines)
