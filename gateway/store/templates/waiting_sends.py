"""Sends that wait for a template which Meta has stopped."""

from collections.abc import Collection, Mapping
from typing import Any

from gateway.core.templates.choice import read_use
from gateway.store import keys
from gateway.store.redis.client import Store

# So many come back with one script, and so many of a number with one tick.
AT_ONCE, MOST_IN_A_TICK = 500, 5_000


def waiting_command(number: str) -> tuple[str, str]:
    """Return the command that reads for which templates sends of a number wait."""
    return "SMEMBERS", f"{keys.number(number)}templates"


def is_waited_for(body: Mapping[str, Any], waiting: Collection[bytes]) -> bool:
    """Say whether a message's template is one of those that sends wait for."""
    use = read_use(body, "")
    return use is not None and use.key.encode() in waiting


def resume_sends(store: Store, number: str, template: str) -> int:
    """Let sends go on, at their places; return how many were looked at.

    Those that are left come back with the next tick. Raises StoreUnavailableError or ScriptError.
    """
    resumed = 0
    while resumed < MOST_IN_A_TICK:
        moved = int(store.call("resume_template", keys.number(number), template, AT_ONCE))
        resumed += moved
        if moved < AT_ONCE:
            break
    return resumed
