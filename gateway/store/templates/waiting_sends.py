"""Sends that wait for a template which Meta has stopped."""

from gateway.store import keys
from gateway.store.redis.client import Store

# So many come back with one script, and so many of a number with one tick.
AT_ONCE, MOST_IN_A_TICK = 500, 5_000


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
