"""Story of one notification: its attempts, and whether the operator's address received it; pure."""

from collections.abc import Iterator, Mapping

from gateway.core.formats import format_time
from gateway.store.outgoing.notifications import TracedNotification
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.attempts import attempt_lines
from gateway.store.tracing.story.story_line import StoryLine, Tone

FORGOTTEN = "forgotten: what is left of a notification goes after GATEWAY_RETENTION, or a day"
WAITS_FOR_ADDRESS = "worker-outgoing posts it once GATEWAY_NOTIFY_URL is set"
STAGES: Mapping[str, tuple[str, Tone]] = {
    "waiting": ("waits to be received", "odd"),
    "delivered": ("received", "good"),
    "dead": ("given up", "bad"),
    "crowded_out": ("dropped, because 10,000 newer ones waited", "bad"),
}


def describe_notification(notification: TracedNotification, masking: Masking) -> StoryLine:
    """Return the story of a notification."""
    name = f"notification {notification.id}"
    if not notification.stage:
        return StoryLine(name, FORGOTTEN, tone="odd")
    stage, tone = STAGES.get(notification.stage, (notification.stage, "odd"))
    text, rule = (str(notification.payload.get(key, "")) for key in ("text", "rule"))
    quoted = f"{masking.quote(text)}, " if text else ""
    details = f"{quoted}by rule {rule}: {stage}"
    head = StoryLine(name, details, notification.planned_at, tone)
    return head.with_below(*_attempt_lines(notification))


def _attempt_lines(notification: TracedNotification) -> Iterator[StoryLine]:
    yield from attempt_lines(notification, has_succeeded=notification.stage == "delivered")
    if notification.stage == "waiting" and not notification.count:
        yield StoryLine("no attempt yet", WAITS_FOR_ADDRESS, tone="odd")
    elif notification.stage == "waiting" and notification.next_at:
        yield StoryLine("posted next", f"at {format_time(notification.next_at)}", tone="odd")
