"""Deaths of a worker at any of its calls to the store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.store.redis.client import Store


class Killed(BaseException):
    """The process was killed; nothing of it may catch that."""


@dataclass
class Deaths:
    """Kills whoever makes the store's next call but so many, before or after it."""

    after: bool = False
    left: int = -1  # calls until then; below 0 nothing dies
    counts: bool = False

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.left -= self.counts
        dies = self.counts and self.left == -1
        if dies and not self.after:
            raise Killed
        result = function(*args, **kwargs)
        if dies:
            raise Killed
        return result

    def insist(self, step: Callable[[], object]) -> None:
        """Take a step, and once more if whoever took it died."""
        self.counts = True
        try:
            step()
        except Killed:
            step()
        finally:
            self.counts = False


def deaths_of(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    """Let every call to the store count."""
    made = Deaths()
    for name in ("run", "call_many"):
        original = getattr(Store, name)

        def dying(store: Store, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            return made.call(_original, store, *args, **kwargs)

        monkeypatch.setattr(Store, name, dying)
    return made
