"""Alerts of what leaves nothing in the store to be read: noted where it happens, for a while."""

from gateway.core.alerts import Alert, Cause
from gateway.core.codes import rule_of

DOUBLED = Alert(
    Cause("sends_doubled"),
    "critical",
    "Meta took a send twice.",
    "Find it by gateway trace, and report it; GATEWAY_UNCONFIRMED=never rules it out.",
)
HEARTBEAT_UNHEARD = Alert(
    Cause("heartbeat_unheard"),
    "warning",
    "The address of the heartbeat does not answer, though events do go the whole way.",
    "Look at GATEWAY_HEARTBEAT_URL and at whom it belongs to.",
)


def refused(code: int, number: str) -> Alert:
    """Tell of a refusal that passes by itself, and that a person should know of all the same."""
    return Alert(
        Cause("refused", str(code), number),
        "warning",
        f"Meta refuses sends for now, with code {code}.",
        rule_of(code, 400).advice,
    )
