"""Story of one forward: its attempts, and whether its receiver took it; pure."""

from collections.abc import Iterator, Mapping

from gateway.core.formats import pluralize
from gateway.store.outgoing.notifications import PostedAttempt
from gateway.store.outgoing.traced_forwards import TracedForward
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
    return head.with_below(*_attempt_lines(forward))


def _attempt_lines(forward: TracedForward) -> Iterator[StoryLine]:
    if hidden := forward.count - len(forward.attempts):
        yield StoryLine("attempts", f"{pluralize(hidden, 'more', 'more')} before these")
    for attempt in forward.attempts:
        yield _attempt_line(attempt, forward)


def _attempt_line(attempt: PostedAttempt, forward: TracedForward) -> StoryLine:
    name = f"attempt {attempt.ordinal}"
    if not attempt.outcome:
        return StoryLine(name, "under way, or its process died", attempt.at, "odd")
    is_last = attempt.ordinal == forward.count
    tone: Tone = "good" if is_last and forward.stage == "delivered" else "odd"
    return StoryLine(name, attempt.outcome, attempt.at, tone)
