"""Lease renewal: a thread that keeps a worker's leases, however long one of its batches takes."""

import threading
import weakref

from gateway.store.inbox.lease import LeasedPartitions
from gateway.store.redis.client import ScriptError, StoreUnavailableError


class LeaseRenewal:
    """Renews the leases of one time slice after another, for as long as each is held.

    The time limit of its task ends a process that hangs for good; a frozen or dead process renews
    nothing.
    """

    def __init__(self, every_s: float) -> None:
        """Take the interval; the thread starts with the first slice."""
        self._every_s = every_s
        self._leases: LeasedPartitions | None = None
        self._started = False

    def follow(self, held: LeasedPartitions | None) -> None:
        """Renew the leases of this slice from now on, None for no slice."""
        self._leases = held
        if held and not self._started:
            self._started = True
            arguments = (weakref.ref(self), threading.Event(), self._every_s)
            threading.Thread(target=_run, args=arguments, name="renewal", daemon=True).start()

    def renew(self) -> None:
        """Renew now, if a slice is held; an unavailable store is asked again next time."""
        held = self._leases
        if held:
            try:
                held.renew()
            except (StoreUnavailableError, ScriptError):
                return


def _run(renewal: "weakref.ref[LeaseRenewal]", never: threading.Event, every_s: float) -> None:
    """Renew until nothing references the renewal any more."""
    while not never.wait(every_s):
        alive = renewal()
        if alive is None:
            return
        alive.renew()
        del alive
