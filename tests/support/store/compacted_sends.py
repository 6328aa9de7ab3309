"""Sends that are compacted, without a day that has to pass."""

from gateway.core.sending.send import Send
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.store.sending.compaction import Compaction
from tests.support.factories import NUMBER
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK


def compact(store: Store, early_ms: float = keys.DAY_MS) -> int:
    """Compact all that was accepted within a day, as if that had passed."""
    return Compaction(store, Bodies(), WEEK).run([NUMBER], early_ms, budget_s=60)


def due_in_ms(store: Store, send: Send) -> float:
    """Return in how many milliseconds a send is to be compacted."""
    return float(raw(store).zscore(f"{PREFIX}finished", send.id)) - now_ms(store)
