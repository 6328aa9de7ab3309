"""Faults in words, as `gateway sandbox --fault` and the phone page take them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.sandbox.simulation.faults import FaultError

HOW = "Write a fault as lose, slow:2 or code:131026, with =0.1 behind it for one in ten."
_FAULT = re.compile(r"(?P<name>[a-z_]+)(?::(?P<value>[0-9.]+))?(?:=(?P<chance>[0-9.]+))?", re.ASCII)
# The field of each fault that is named behind its colon.
_VALUES: Mapping[str, tuple[str, type[int] | type[float]]] = {
    "code": ("code", int),
    "error": ("code", int),
    "fail_status": ("code", int),
    "http": ("status", int),
    "slow": ("seconds", float),
}
UNTIL_CLEARED = 1_000_000  # times
# What people try first, and what happens then.
PRESETS: Sequence[tuple[str, str]] = (
    ("lose", "Meta takes the message, and its answer is lost"),
    ("slow:2", "Meta answers after two seconds"),
    ("http:502", "A proxy answers in the place of Meta"),
    ("duplicate", "The webhook comes twice"),
    ("reorder", "Statuses come in reverse order"),
    ("code:130429", "Too many messages a second (130429)"),
    ("code:131056", "Too many messages to one customer (131056)"),
    ("code:131047", "The window is closed (131047)"),
    ("code:131026", "The customer cannot get it, or blocks you (131026)"),
    ("code:131049", "Meta limits marketing to this customer (131049)"),
    ("code:132015", "The template is paused (132015)"),
    ("code:190", "The token has ended (190)"),
)


def read_fault(written: str) -> tuple[str, dict[str, Any]]:
    """Return the name of a fault, and the sandbox's request for it. Raises FaultError."""
    found = _FAULT.fullmatch(written)
    if not found or (found["name"] in _VALUES) != (found["value"] is not None):
        raise FaultError(HOW)
    wish: dict[str, Any] = {"times": UNTIL_CLEARED}
    try:
        if found["value"] is not None:
            field, number = _VALUES[found["name"]]
            wish[field] = number(found["value"])
        if found["chance"] is not None:
            wish["probability"] = float(found["chance"])
    except ValueError:
        raise FaultError(HOW) from None
    return found["name"], wish
