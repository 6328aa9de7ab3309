"""News of templates from Meta's webhooks, recorded in the registry of their account."""

import structlog

from gateway.core.events import Notice
from gateway.core.planning.batch import PlanningResult
from gateway.core.templates.news import TEMPLATE_FIELDS, read_news
from gateway.core.templates.template import APPROVED
from gateway.store.redis.client import ScriptError
from gateway.store.templates.registry import TemplateRegistry
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def apply_template_news(ctx: WorkerContext, account: str, result: PlanningResult) -> None:
    """Record what an account's webhooks say of its templates, before their commit.

    If the worker dies in between, the events come again, and a repetition changes nothing. Raises
    StoreUnavailableError.
    """
    for plan in result.plans:
        for event in plan.events:
            if isinstance(event, Notice) and event.field in TEMPLATE_FIELDS:
                apply_news_of(ctx, account, event)


def apply_news_of(ctx: WorkerContext, account: str, event: Notice) -> None:
    """Record the news of one webhook, unless the account has no such WhatsApp account."""
    news, accounts = read_news(event), ctx.accounts.current()
    owner = accounts.owner_of_waba(event.waba)
    if news is None or owner is None or owner.name != account:
        return
    if owner.wabas and event.waba not in owner.wabas:
        return  # a stranger who has the secret could name any
    # An installation that was told no id has one registry.
    waba = event.waba if owner.wabas else ""
    try:
        registry = TemplateRegistry(ctx.store, waba)
        is_new = registry.note_news(news)
        if is_new and (news.fact == "components" or news.value == APPROVED):
            registry.want()  # the text is in Meta's list only
        # A list that is newer says nothing of falls, and of a stop whether it is over.
        if news.is_quality_fall or (news.is_stop and is_new):
            registry.note_fall(news, replayed=event.replayed)
    except ScriptError as error:  # damaged keys of the registry stop no delivery
        log.error("template_news_lost", waba=waba, error=str(error))
        return
    log.info("template_changed", template=news.name, language=news.language, fact=news.fact,
             value=news.value, is_new=is_new)  # fmt: skip
