"""Reloader of the rulebook: loads it once, and again when the files change."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from gateway.rules.loader import (
    File,
    assemble_rulebook,
    build_rulebook,
    find_rules,
    fingerprint,
    read,
    read_trial_now,
)
from gateway.rules.problems import NoRulesError, RulebookError
from gateway.rules.rulebook import Rulebook

LOOK_EVERY_S = 1.0

Files = tuple[File, ...]

log = structlog.get_logger(__name__)


class _Look(NamedTuple):
    """The files as they are at one moment, or why they cannot be read."""

    path: Path
    fingerprint: bytes
    files: Files = ()
    error: RulebookError | None = None


class RulebookSource:
    """Source of the rulebook in force; a change with errors leaves the one before in force.

    `problem` describes the errors of the present files, "" if there are none. `files` are those in
    force, and `path` is where they were read; there are none after a start beside a folder that
    holds none. A folder that loses its last file later has an error: nobody stops all answers by
    an accident. The constructor raises RulebookError unless `fallback` has files that were valid
    before; later nothing raises.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        fallback: Callable[[], Files] = tuple,
        demo: Path | None = None,
        trial_hours: Path | None = None,
        zone: str = "",
    ) -> None:
        """Load the rules; those of `demo`, if given, while the folder `path` holds none.

        The file `trial_hours` says what opening hours take for now. Those that name no zone are in
        `zone`; another one that is set later is taken up as changed files are.
        """
        self.zone = zone
        self._trial_hours, self._trial_now = trial_hours, ""
        self._given_path, self._demo, self.clock = path, demo, clock
        self.path, self.files, self.problem = path, Files(), ""
        self._rulebook = assemble_rulebook([])
        self._checked_at = clock()
        seen = self._look()
        if error := seen.error or self._try_load(seen.path, seen.files):
            self._load_earlier(fallback(), error)
        self._handled_fingerprint = self._last_fingerprint = seen.fingerprint

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
        seen = self._look()
        if self._handled_fingerprint != seen.fingerprint == self._last_fingerprint:
            self._handled_fingerprint = seen.fingerprint
            self._log_outcome(self._error_of(seen))
        self._last_fingerprint = seen.fingerprint

    def _look(self) -> _Look:
        path = find_rules(self._given_path, self._demo)
        try:
            files = read(path)
        except RulebookError as error:
            return _Look(path, str(error).encode(), error=error)
        self._trial_now = read_trial_now(self._trial_hours)
        meaning = f"{self._trial_now}\n{self.zone}".encode()
        return _Look(path, fingerprint(files) + meaning, files)

    def _error_of(self, seen: _Look) -> RulebookError | None:
        """Load what was seen, or return why the rules in force stay there."""
        if isinstance(seen.error, NoRulesError) and not self.files:
            self.problem = ""  # as at the start: no rules are in force, and there are none
            return None
        return seen.error or self._try_load(seen.path, seen.files)

    def _try_load(self, path: Path, files: Files) -> RulebookError | None:
        try:
            self._rulebook = build_rulebook(files, self._trial_now, self.zone)
        except RulebookError as error:
            return error
        self.path, self.files, self.problem = path, files, ""
        return None

    def _load_earlier(self, files: Files, error: RulebookError) -> None:
        """Load files that were valid before, in the place of those with an error."""
        if not files and isinstance(error, NoRulesError):
            return  # there never were any
        if not files or self._try_load(self._given_path, files):
            raise error
        self.problem = str(error)

    def _log_outcome(self, error: RulebookError | None) -> None:
        version = self._rulebook.version
        if error:
            self.problem = str(error)
            log.error("rules_rejected", version=version, problems=self.problem)
        else:
            log.info("rules_loaded", version=version)
