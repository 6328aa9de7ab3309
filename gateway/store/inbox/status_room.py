"""Room for statuses in the batches of a worker process, beside messages; pure."""

from gateway.store.lua.constants import MOST_TOUCHED

# A batch is passed, and its leases are renewed, before the next one is touched.
MOST_EVENTS = MOST_TOUCHED
# So many statuses a batch has while messages come: the next message waits until it is committed.
STATUS_EVENTS = MOST_EVENTS // 4
# So long after the last message a batch may be full of statuses.
QUIET_S = 3.0


class StatusRoom:
    """Says how many statuses the next batch may have.

    A batch with messages has no status, so that customers do not wait for them as well; but never
    two such batches follow each other, so that statuses go on however many messages wait.
    """

    def __init__(self) -> None:
        """Start as after a long time without messages."""
        self._is_owed = False  # the batch before had messages alone
        self._message_at: float | None = None

    @property
    def promised(self) -> int:
        """Return the room that messages of the next batch leave, if statuses wait."""
        return STATUS_EVENTS if self._is_owed else 0

    def take(self, messages: int, now_s: float) -> int:
        """Return the room for statuses in a batch with so many messages, and count the batch."""
        if messages:
            self._message_at = now_s
            self._is_owed = not self._is_owed
            return 0 if self._is_owed else STATUS_EVENTS
        self._is_owed = False
        is_quiet = self._message_at is None or now_s - self._message_at > QUIET_S
        return MOST_EVENTS if is_quiet else STATUS_EVENTS
