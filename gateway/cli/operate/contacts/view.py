"""A contact on the screen, masked unless the operator asked to see it; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.core.formats import format_time
from gateway.core.text import printable
from gateway.store.tracing.masking import Masking

_MOMENTS = {
    "last_message_at": "last message",
    "last_call_at": "last call",
    "opted_out_at": "no marketing since",
    "muted_until": "muted until",
}


def mask_contact(shown: Mapping[str, Any], masking: Masking) -> dict[str, Any]:
    """Return a contact without names, numbers and values, unless they are to be seen."""
    if masking.reveal:
        return dict(shown)
    ids = {name: shown[name] and masking.person(shown[name]) for name in ("id", "phone", "user_id")}
    return {
        **shown,
        **ids,
        "other_ids": [masking.person(one) for one in shown["other_ids"]],
        "name": shown["name"] and masking.quote(shown["name"]),
        "variables": {name: masking.quote(value) for name, value in shown["variables"].items()},
    }


def contact_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one contact."""
    named = f", {shown['name']}" if shown["name"] else ""
    yield printable(f"{shown['id']}{named}, at the number {shown['number']}")
    if shown["other_ids"]:
        yield printable(f"  also known as {', '.join(shown['other_ids'])}")
    window = shown["window"]
    state = "open" if window["open"] else "closed"
    yield f"  window {state}{_until(window['until'], is_open=window['open'])}"
    for name, words in _MOMENTS.items():
        if shown[name]:
            yield f"  {words} {format_time(shown[name])}"
    if one := shown["hand_over"]:
        yield printable(f"  a person answers until {format_time(one['until'])}: {one['why']}")
    if shown["tags"]:
        yield printable(f"  tags {', '.join(shown['tags'])}")
    for name, value in sorted(shown["variables"].items()):
        yield printable(f"  {name} = {value}")


def _until(until: Any, *, is_open: bool) -> str:
    if until is None:
        return ": they have never written"
    return f" {'until' if is_open else 'since'} {format_time(until)}"
