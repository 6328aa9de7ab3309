"""Story of one notification: its attempts, and whether the operator's address received it; pure."""

from collections.abc import Mapping

from gateway.store.outgoing.notifications import TracedNotification
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.attempts import post_lines
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
    is_received = notification.stage == "delivered"
    return head.with_below(
        *post_lines(
            notification, has_succeeded=is_received, first=WAITS_FOR_ADDRESS, again="posted next"
        )
    )
