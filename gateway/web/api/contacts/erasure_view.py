"""What a client sees of an erasure; it names nobody; pure."""

from typing import Any

from gateway.core.contacts.erasure import KINDS, Erasure

# What no process of ours can reach.
OUT_OF_REACH = (
    "backups of Redis, and its files until the entries beside those that were erased are gone",
    "captured deliveries in files",
    "messages on the customer's phone and at Meta, and Meta's logs",
    "notifications, forwards and alerts that their receivers have",
)
KEPT = (
    "digests of events and ids of messages, so that nothing that comes again is answered again",
    "counters",
    "a digest of the names if the customer wanted no marketing",
)


def view_erasure(erasure: Erasure) -> dict[str, Any]:
    """Return what was erased, what it waits for, and what is kept or out of reach."""
    return {
        "id": erasure.id,
        "status": "done" if erasure.finished_at else "open",
        "started_at": erasure.started_at,
        "finished_at": erasure.finished_at,
        "erased": {kind: erasure.erased.get(kind, 0) for kind in KINDS},
        "waiting_for": {
            "deliveries": erasure.deliveries,
            "messages": erasure.messages,
            "audiences": erasure.audiences,
        },
        "unopened": erasure.unopened,
        "kept": list(KEPT),
        "out_of_reach": list(OUT_OF_REACH),
    }
