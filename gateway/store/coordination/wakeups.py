"""Wake-up counters: which wake-ups are on their way to workers, and when to repeat one."""

from typing import Any

from gateway.store.redis.client import Store

WAKEUP_COUNT_MS = 3_600_000
# Sweeps look every two to four seconds, and a repeated wake-up may be lost like the first.
RINGS_EACH = 4


def should_wake_again(store: Store, bell: str) -> bool:
    """Return whether to ring for work that does not move: the 1st, 2nd, 4th, 8th, 12th … time.

    While no worker runs, ringing each time would add one more message to the queue.
    """

    def increment(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.incr(f"{bell}:found")
        pipe.pexpire(f"{bell}:found", WAKEUP_COUNT_MS)
        return pipe.execute()

    times, _ = store.run(increment)
    return bool(times < 3 or times % RINGS_EACH == 0)


def clear_wakeup(store: Store, bell: str) -> None:
    """Let the next producer ring again; done before looking for work, so that none is missed."""
    store.delete(bell, f"{bell}:found")
