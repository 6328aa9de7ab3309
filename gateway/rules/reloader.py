"""Reloader of the rulebook: loads it once, and again when the files change."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.rules.loader import File, build_rulebook, fingerprint, read, read_trial_now
from gateway.rules.problems import RulebookError
from gateway.rules.rulebook import Rulebook

LOOK_EVERY_S = 1.0

Files = tuple[File, ...]

log = structlog.get_logger(__name__)


class RulebookSource:
    """Source of the rulebook in force; a change with errors leaves the one before in force.

    `problem` describes the errors of the present files, "" if there are none. The constructor
    raises RulebookError unless `fallback` has files that were valid before; later nothing raises.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        fallback: Callable[[], Files] = tuple,
        trial_hours: Path | None = None,
    ) -> None:
        """Load the rules; the file `trial_hours` says what opening hours take for now."""
        self._trial_hours, self._trial_now = trial_hours, ""
        self.path, self.clock = path, clock
        self._checked_at = clock()
        seen, files, error = self._read_files()
        if error := error or self._try_load(files):
            fallback_files = fallback()
            if not fallback_files or self._try_load(fallback_files):
                raise error
            self.problem = str(error)
        self._handled_fingerprint = self._last_fingerprint = seen

    def current(self) -> Rulebook:
        """Return the rulebook in force; a caller keeps it until its event is planned."""
        return self._rulebook

    def reload_if_changed(self) -> None:
        """Reload the files if they have changed, looking at most once a second.

        A change is loaded once two looks in a row see the same bytes, so that files being written,
        or a folder of which one half is new, can settle. Exactly the bytes seen are loaded, all of
        them or none.
        """
        if self.clock() - self._checked_at < LOOK_EVERY_S:
            return
        self._checked_at = self.clock()
        seen, files, error = self._read_files()
        if self._handled_fingerprint != seen == self._last_fingerprint:
            self._handled_fingerprint = seen
            self._log_outcome(error or self._try_load(files))
        self._last_fingerprint = seen

    def _read_files(self) -> tuple[bytes, Files, RulebookError | None]:
        try:
            files = read(self.path)
        except RulebookError as error:
            return str(error).encode(), (), error
        self._trial_now = read_trial_now(self._trial_hours)
        return fingerprint(files) + self._trial_now.encode(), files, None

    def _try_load(self, files: Files) -> RulebookError | None:
        try:
            self._rulebook = build_rulebook(files, self._trial_now)
        except RulebookError as error:
            return error
        self.files, self.problem = files, ""
        return None

    def _log_outcome(self, error: RulebookError | None) -> None:
        version = self._rulebook.version
        if error:
            self.problem = str(error)
            log.error("rules_rejected", version=version, problems=self.problem)
        else:
            log.info("rules_loaded", version=version)
