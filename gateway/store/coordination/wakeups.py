"""Wake-up counters: which messages to workers are on their way, and when to send one again."""

from typing import Any

from gateway.store.redis.client import Store

WAKEUP_COUNT_MS = 3_600_000
# Looks are two to four seconds apart, and a bell may be lost as the one before it was.
RINGS_EACH = 4


def should_wake_again(store: Store, bell: str) -> bool:
    """Say whether to ring for what waits and is still: the 1st, 2nd, 4th, 8th, 12th … time.

    While no worker is there to hear, each finding would put one more message into the queue.
    """

    def increment(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.incr(f"{bell}:found")
        pipe.pexpire(f"{bell}:found", WAKEUP_COUNT_MS)
        return pipe.execute()

    times, _ = store.run(increment)
    return bool(times < 3 or times % RINGS_EACH == 0)


def clear_wakeup(store: Store, bell: str) -> None:
    """Let the next who has work ring again; done before looking, so that none goes unheard."""
    store.delete(bell, f"{bell}:found")
