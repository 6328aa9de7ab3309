"""Judgement of a message's templates, with one more look at Meta before any is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.accounts.account import OwnNumber
from gateway.core.templates.choice import (
    KnownTemplate,
    TemplateUse,
    judge_use,
    name_versions,
)
from gateway.core.templates.template import MetaTemplate, Mismatch
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.sync import fetch_list

# A client waits for its answer meanwhile; a longer list is there for the next request.
FETCH_WAIT_S = 4.0


@dataclass(frozen=True, slots=True)
class TemplateJudge:
    """Judges messages by what is known of the templates of the number that sends them."""

    store: Store
    cache: TemplateCache
    graph_url: str

    def is_at_hand(self, number: OwnNumber, uses: Sequence[TemplateUse]) -> bool:
        """Say whether `judge_known` needs nothing of the store."""
        return all(self.cache.is_at_hand(number.waba, use.key) for use in uses)

    def judge_known(self, number: OwnNumber, uses: Sequence[TemplateUse]) -> list[Mismatch]:
        """Return what does not fit by what is known now; nothing while the store is unavailable."""
        try:
            return [one for use in uses for one in self._judge(number.waba, use)]
        except (StoreUnavailableError, ScriptError):
            return []

    def find(self, number: OwnNumber, use: TemplateUse) -> tuple[MetaTemplate | None, bool]:
        """Return the template of a use, if it is known, and whether Meta has stopped it."""
        try:
            known = self._find(number.waba, use.key)
            template = known.template if known else None
            return template, self.cache.view(number.waba).is_stopped(use.key)
        except (StoreUnavailableError, ScriptError):
            return None, False

    def judge(self, number: OwnNumber, uses: Sequence[TemplateUse]) -> list[Mismatch]:
        """Return what does not fit, after another look at Meta's list if anything does not.

        The list is fetched once a minute at most. Mistakes name its age, and what the template was
        before. A store or Meta that does not answer refuses nothing by itself.
        """
        if not (found := self.judge_known(number, uses)):
            return found
        before = {use.key: self._find(number.waba, use.key) for use in uses}
        try:
            if number.waba:
                args = (self.store, self.graph_url, number.waba, number.credentials)
                fetch_list(*args, wait_s=FETCH_WAIT_S)
            view = self.cache.view(number.waba, anew=True)
        except (StoreUnavailableError, ScriptError):
            return found
        fetched_at = view.state.fetched_at
        return [
            one
            for use in uses
            for one in name_versions(
                self._judge(number.waba, use),
                before[use.key],
                self._find(number.waba, use.key),
                fetched_at,
            )
        ]

    def _judge(self, waba: str, use: TemplateUse) -> list[Mismatch]:
        known = self._find(waba, use.key)
        words: Mapping[str, str] | None = None
        if known is None:
            words = self.cache.words(waba)
        elif self.cache.view(waba).state.is_filled:
            words = {}
        return judge_use(use, known, words)

    def _find(self, waba: str, key: str) -> KnownTemplate | None:
        return self.cache.find(waba, key)
