"""Lines of `gateway dev`, their colours, and those of what goes out to the operator's addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.campaigns.recipient_state import read_campaign_send_id

Fields = Mapping[str, Any]

BAD, ODD, GOOD, QUIET = "red", "yellow", "green", "bright_black"
SHORT_ID = 4


@dataclass(frozen=True, slots=True)
class LogLine:
    """A readable line with its Rich style."""

    text: str
    style: str = ""


def short_id(send: str) -> str:
    """Return as much of a send's id as tells it from others on the screen.

    All sends of a campaign begin alike, so that of a recipient has their row behind it.
    """
    of_campaign = read_campaign_send_id(send)
    return f"{send[:SHORT_ID]}.{of_campaign[1] + 1}" if of_campaign else send[:SHORT_ID]


def render_notification(fields: Fields) -> LogLine:
    """Render an attempt to post a notification."""
    if fields["step"] == "delivered":
        return LogLine(f"out     notification received · {fields['ms']} ms")
    wait_ms = fields["wait_ms"]
    again = f", again in {wait_ms / 1000:.1f} s" if wait_ms is not None else ", given up"
    return LogLine(f"out     notification not received{again} · {fields['reason']}", ODD)


def render_forward(fields: Fields) -> LogLine:
    """Render an attempt to post forwards."""
    many = f"{fields['count']} events" if fields["count"] > 1 else "event"
    if fields["step"] == "delivered":
        return LogLine(f"out     {many} received by {fields['receiver']} · {fields['ms']} ms")
    ended = "given up" if fields["step"] == "dead" else "tried again"
    text = f"out     {many} not received by {fields['receiver']}, {ended} · {fields['reason']}"
    return LogLine(text, ODD)


def render_call(fields: Fields) -> LogLine:
    """Render an attempt to call a service."""
    wait_ms = fields["wait_ms"]
    again = f", again in {wait_ms / 1000:.1f} s" if wait_ms is not None else ""
    asked = f"{short_id(fields['call'])} asked {fields['service']}: {fields['outcome']}{again}"
    return LogLine(f"out     {asked}", "" if fields["step"] == "answered" else ODD)
