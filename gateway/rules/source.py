"""The rulebook in force: loaded once, and taken up anew when the files change."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.rules.load import load, rule_files
from gateway.rules.problems import RulebookError
from gateway.rules.rulebook import Rulebook

LOOK_EVERY_S = 1.0

Stamp = tuple[tuple[str, int, int], ...]

log = structlog.get_logger(__name__)


class Source:
    """Give the rulebook in force; a change that is broken leaves the old one in force.

    Raises RulebookError when it is made, and never later: `problem` tells what is wrong with the
    files as they are now.
    """

    def __init__(
        self, path: Path, watch: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Load the rules, and with `watch` look for changes at most once a second."""
        self.path, self.watch, self.clock = path, watch, clock
        self.problem: str | None = None
        # The stamp is taken before the files are read, so that a change meanwhile is seen later.
        self._stamp = _stamp(path)
        self._looked_at = clock()
        self._rulebook = load(path)

    def current(self) -> Rulebook:
        """Give the rulebook in force."""
        if self.watch and self.clock() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = self.clock()
            self._look()
        return self._rulebook

    def _look(self) -> None:
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._rulebook = load(self.path)
        except RulebookError as error:
            self.problem = str(error)
            log.error("rules_rejected", version=self._rulebook.version, problems=self.problem)
        else:
            self.problem = None
            log.info("rules_loaded", version=self._rulebook.version)


def _stamp(path: Path) -> Stamp:
    try:
        return tuple(_seen(file) for file in rule_files(path))
    except RulebookError:
        return ()


def _seen(file: Path) -> tuple[str, int, int]:
    try:
        seen = file.stat()
    except OSError:
        return file.name, 0, 0
    return file.name, seen.st_mtime_ns, seen.st_size
