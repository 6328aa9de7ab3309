"""Check of the templates that rules send against those that Meta has, where these are known."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.accounts.account import OwnNumber
from gateway.cli.common.accounts import load_if_usable
from gateway.config.environment import SettingsError
from gateway.config.settings import Settings
from gateway.core.templates.choice import KnownTemplate, TemplateUse, judge_use
from gateway.core.templates.given import read_given
from gateway.core.templates.graph_form import read_graph_row
from gateway.core.templates.template import Mismatch
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.templates import TemplateClient
from gateway.rules.loader import RulesCheck
from gateway.rules.problems import Mark, Problem
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.judgement import TemplateJudge

# Templates by key, and the statuses of all that the account has.
_Known = tuple[Mapping[str, KnownTemplate], Mapping[str, str]]


def find_unfit_templates(
    found: RulesCheck, paths: Sequence[Path], account: str = ""
) -> list[Problem]:
    """Return a warning for each template of a rule that Meta does not have, or has otherwise.

    The registry in the store tells, or else Meta itself. Where neither can be asked there is
    nothing to compare with, and so no warning.
    """
    uses = [
        (rule.name, use)
        for rule in (found.rulebook.rules if found.rulebook else ())
        if rule.enabled
        for step in rule.steps
        for use in step.template_uses
    ]
    number = _find_number(paths, account) if uses else None
    if number is None:
        return []
    settings, own = number
    distinct = list({use.key: use for _, use in uses}.values())
    known = _ask_store(settings, own, distinct) or _ask_meta(settings, own)
    if known is None:
        return []
    templates, words = known
    nowhere = (str(paths[0]), Mark())  # a message in Meta's own form
    return [
        Problem(
            *found.template_places.get((name, use.name), nowhere),
            name,
            _describe(use, one),
            is_warning=True,
        )
        for name, use in uses
        for one in judge_use(use, templates.get(use.key), words)
    ]


def _find_number(paths: Sequence[Path], account: str) -> tuple[Settings, OwnNumber] | None:
    """Return the settings, and a number of the account that uses these rules; None for none."""
    try:
        settings = Settings.from_env()
    except SettingsError:
        return None
    accounts = load_if_usable(settings)
    places = {path.resolve() for path in paths}
    for one in accounts or ():
        is_meant = one.name == account if account else one.rules.resolve() in places
        if (is_meant or len(accounts or ()) == 1) and one.numbers and one.numbers[0].waba:
            return settings, one.numbers[0]
    return None


def _ask_store(settings: Settings, own: OwnNumber, uses: Sequence[TemplateUse]) -> _Known | None:
    """Return what the registry knows, fetched once more if a use does not fit; None for nothing."""
    store = Store(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
    cache = TemplateCache(store)
    try:
        if not cache.view(own.waba).state.is_filled:
            return None
        TemplateJudge(store, cache, settings.meta_graph_url).judge(own, uses)
        found = {use.key: cache.find(own.waba, use.key) for use in uses}
        words = cache.words(own.waba) or {}
        return {key: known for key, known in found.items() if known}, words
    except (StoreUnavailableError, ScriptError):
        return None
    finally:
        store.close()


def _ask_meta(settings: Settings, own: OwnNumber) -> _Known | None:
    """Return Meta's templates; None if it does not give them, or has none."""
    client = TemplateClient(settings.meta_graph_url, own.credentials)
    try:
        with contextlib.closing(client):
            rows = [row for page in client.pages(own.waba) for row in page]
    except SetupError:
        return None
    found = [one for row in rows if (one := read_graph_row(row, None))]
    words = {one.key: one.status for one in found}
    return ({one.key: KnownTemplate(one) for one in found}, words) if found else None


def _describe(use: TemplateUse, mismatch: Mismatch) -> str:
    given = read_given(use.components, use.base)
    places = {one.pointer: f"{one.where} {one.key} " for one in given}
    place = places.get(mismatch.pointer, "")
    return f"template {use.name} ({use.language}): {place}{mismatch.detail}"
