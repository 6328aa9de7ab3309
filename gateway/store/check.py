"""What is looked at once, before a process starts to work with a server."""

from dataclasses import replace
from typing import Any

from gateway.store import keys
from gateway.store.client import Store
from gateway.store.pressure import Health, judge, layout_name


def check(store: Store, limit_bytes: int = 0) -> Health:
    """Judge the server, and mark an empty one with our layout.

    Raises StoreUnavailableError where it does not answer.
    """
    info: Any = store.run(lambda client: client.info())
    layout: Any = store.run(lambda client: client.get(keys.LAYOUT_KEY))
    health = judge(info, layout.decode() if layout else "", limit_bytes)
    if not layout and not health.fatal:
        store.run(lambda client: client.set(keys.LAYOUT_KEY, layout_name(), nx=True))
    there = int(info.get("connected_slaves", 0))
    if there < store.replicas:
        told = f"Nothing counts before {store.replicas} replicas have it, and {there} are there."
        return replace(health, warnings=(*health.warnings, told))
    return health
