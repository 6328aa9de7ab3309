"""The rulebook in force: loaded once, and taken up anew when the files change."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.rules.loader import File, made_of, read, stamp
from gateway.rules.problems import RulebookError
from gateway.rules.rulebook import Rulebook

LOOK_EVERY_S = 1.0

Files = tuple[File, ...]

log = structlog.get_logger(__name__)


class Source:
    """Give the rulebook in force; a change that is broken leaves the one before in force.

    `problem` tells what is wrong with the files as they are now, "" where nothing is. Raises
    RulebookError when it is made, and never later, unless `spare` has files that were right before.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        spare: Callable[[], Files] = tuple,
    ) -> None:
        """Load the rules."""
        self.path, self.clock = path, clock
        self._looked_at = clock()
        seen, files, error = self._look()
        if error := error or self._take(files):
            good = spare()
            if not good or self._take(good):
                raise error
            self.problem = str(error)
        self._decided = self._seen = seen

    def current(self) -> Rulebook:
        """Give the rulebook in force; who answers an event keeps it until the answer is planned."""
        return self._rulebook

    def look(self) -> None:
        """Look whether the files have changed, at most once a second.

        A change is taken up when two looks in a row see the same: what is being written, and a
        folder of which one half is new, is let settle. What is taken up is what was seen, byte for
        byte, and all of it or nothing.
        """
        if self.clock() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = self.clock()
        seen, files, error = self._look()
        if self._decided != seen == self._seen:
            self._decided = seen
            self._tell(error or self._take(files))
        self._seen = seen

    def _look(self) -> tuple[bytes, Files, RulebookError | None]:
        try:
            files = read(self.path)
        except RulebookError as error:
            return str(error).encode(), (), error
        return stamp(files), files, None

    def _take(self, files: Files) -> RulebookError | None:
        try:
            self._rulebook = made_of(files)
        except RulebookError as error:
            return error
        self.files, self.problem = files, ""
        return None

    def _tell(self, error: RulebookError | None) -> None:
        version = self._rulebook.version
        if error:
            self.problem = str(error)
            log.error("rules_rejected", version=version, problems=self.problem)
        else:
            log.info("rules_loaded", version=version)
