"""Templates as one process knows them: looked at again every two seconds, and bounded."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.templates.choice import KnownTemplate
from gateway.core.templates.sync_schedule import RegistryState
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.templates.registry import TemplateRegistry

FRESH_S = 2.0
MOST_KEPT = 1_000  # templates with their parameters, some 5 KB each


@dataclass(slots=True)
class RegistryView:
    """What a process knows of one account's templates since it looked last."""

    state: RegistryState = field(default_factory=RegistryState)
    now: datetime | None = None  # by the server's clock, when it was looked at
    stopped: Mapping[str, datetime | None] = field(default_factory=dict)
    looked_s: float = float("-inf")
    words: Mapping[str, str] | None = None  # read only where a message names an unknown template

    def is_stopped(self, key: str) -> bool:
        """Say whether Meta has stopped a template, as far as is known."""
        if key not in self.stopped or self.now is None:
            return False
        until = self.stopped[key]
        return until is None or self.now < until


class TemplateCache:
    """Cache of all accounts' templates; threads can share it.

    While the store is unavailable, what was known goes on to count.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the store; nothing is read until it is asked for."""
        self._store, self._clock = store, clock
        self._views: dict[str, RegistryView] = {}
        self._kept: OrderedDict[tuple[str, str], KnownTemplate | None] = OrderedDict()
        self._lock = threading.Lock()

    def view(self, waba: str, *, anew: bool = False) -> RegistryView:
        """Return what is known of an account's templates, two seconds old at most."""
        with self._lock:
            view = self._views.setdefault(waba, RegistryView())
            if anew or self._clock() - view.looked_s >= FRESH_S:
                self._look(waba, view)
            return view

    def look_again(self, waba: str) -> None:
        """Let the next question look at the store, since something is known to have changed."""
        if view := self._views.get(waba):
            view.looked_s = float("-inf")

    def is_at_hand(self, waba: str, key: str) -> bool:
        """Say whether a template can be told without asking the store."""
        view = self._views.get(waba)
        return (
            view is not None
            and self._clock() - view.looked_s < FRESH_S
            and self._kept.get((waba, key)) is not None
        )

    def find(self, waba: str, key: str) -> KnownTemplate | None:
        """Return a template, None where it is not known. Raises StoreUnavailableError."""
        state, place = self.view(waba).state, (waba, key)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
            if not state.version:
                return None
            found = TemplateRegistry(self._store, waba).read([key], state)
            self._kept[place] = KnownTemplate(found[0]) if found else None
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[place]

    def words(self, waba: str) -> Mapping[str, str] | None:
        """Return the statuses of all templates, None while the list is not known.

        Raises StoreUnavailableError.
        """
        view = self.view(waba)
        if not view.state.is_filled:
            return None
        if view.words is None:
            view.words = TemplateRegistry(self._store, waba).read_words()
        return view.words

    def _look(self, waba: str, view: RegistryView) -> None:
        """Look whether anything has changed, and forget what may have."""
        registry = TemplateRegistry(self._store, waba)
        try:
            state, view.now = registry.read_state()
            if state.version != view.state.version:
                view.stopped, view.words = registry.read_stopped(), None
                for place in [one for one in self._kept if one[0] == waba]:
                    del self._kept[place]
            view.state = state
        except (StoreUnavailableError, ScriptError):
            pass
        view.looked_s = self._clock()
