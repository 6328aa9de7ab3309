"""Watch over the children of a main process: reports each end to those who registered for it.

A module registers its report when it is imported. The report gets the store and the name of the
process (`process_name`), and may be called for orderly ends as well, and more than once.
"""

from collections import deque
from collections.abc import Callable

import structlog

from gateway.store.redis.client import ScriptError, Store
from tasks.processes.process_names import Children, children, process_name

log = structlog.get_logger(__name__)

Report = Callable[[Store, str], None]
# So many are kept while the store is unavailable; the missing sign of life settles the rest.
MOST_UNREPORTED = 1_000

_reports: list[Report] = []


def on_child_end(report: Report) -> Report:
    """Call `report` with the name of each child that ended; if it raises, it is called again."""
    _reports.append(report)
    return report


class ChildWatch:
    """Notices ends, and repeats each report until it succeeds; used by one thread."""

    def __init__(self, store: Store, watched: Children | None = None) -> None:
        """Take the store for the reports, with connections of this thread's own."""
        self._store = store
        self._children = watched or children()
        self._unreported: deque[tuple[Report, str]] = deque(maxlen=MOST_UNREPORTED)

    def work(self) -> None:
        """Find children that ended, and report them. Raises StoreUnavailableError."""
        for pid in self._children.poll_ended():
            log.info("child_ended", process=process_name(pid))
            self._unreported.extend((report, process_name(pid)) for report in _reports)
        while self._unreported:
            report, name = self._unreported[0]
            try:
                report(self._store, name)
            except ScriptError as error:  # of damaged keys; the rest is stored, and more ends wait
                log.error("child_end_untold", process=name, error=str(error))
            self._unreported.popleft()

    def end(self) -> None:
        """Close the connections."""
        self._store.close()
