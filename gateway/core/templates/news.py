"""News of one template, from Meta's webhooks about it or from Meta's refusal of a send.

The list of templates and the news are kept apart: a value of the news counts if it is newer than
the list. https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from gateway.core.events import Event, Notice
from gateway.core.templates.graph_form import MOST_LANGUAGE, MOST_NAME
from gateway.core.templates.template import (
    STOPPED,
    MetaTemplate,
    Source,
    normalize_language,
    template_key,
)
from gateway.core.text import sanitize
from gateway.core.webhook.customers import text_field

Fact = Literal["status", "quality", "category", "components"]
FACTS: tuple[Fact, ...] = ("status", "quality", "category", "components")
MOST_WORD = 64


@dataclass(frozen=True, slots=True)
class TemplateNews:
    """One fact about a template that has changed, and since when.

    `value` is Meta's word, "" of components: what they are now is in Meta's list only.
    """

    name: str
    language: str
    fact: Fact
    value: str
    at: datetime
    reason: str = ""  # of a status; of a quality or a category the one before
    source: Source = "webhook"

    @property
    def key(self) -> str:
        """Return the key of the template."""
        return template_key(self.name, self.language)

    @property
    def is_stop(self) -> bool:
        """Say whether Meta has stopped the template."""
        return self.fact == "status" and self.value in STOPPED

    @property
    def is_quality_fall(self) -> bool:
        """Say whether the quality fell to the lowest, or from the highest to the one below."""
        if self.fact != "quality":
            return False
        if self.value in LOWEST_QUALITY:
            return self.reason not in LOWEST_QUALITY
        return self.value in _MIDDLE and self.reason in _HIGH


# Meta's list and webhooks name colours, its pages also words.
_HIGH, _MIDDLE = frozenset({"GREEN", "HIGH"}), frozenset({"YELLOW", "MEDIUM"})
LOWEST_QUALITY = frozenset({"RED", "LOW"})
_READ: Mapping[str, tuple[Fact, str, str]] = {
    "message_template_status_update": ("status", "event", "reason"),
    "message_template_quality_update": ("quality", "new_quality_score", "previous_quality_score"),
    "template_category_update": ("category", "new_category", "previous_category"),
    "message_template_components_update": ("components", "", ""),
}
TEMPLATE_FIELDS = frozenset(_READ)


def read_news(event: Event) -> TemplateNews | None:
    """Return the news of a template that a webhook holds, None for any other event."""
    if not isinstance(event, Notice) or event.field not in _READ or not isinstance(event.raw, dict):
        return None
    fact, value_name, reason_name = _READ[event.field]
    name = text_field(event.raw, "message_template_name")
    language = text_field(event.raw, "message_template_language")
    value = text_field(event.raw, value_name) if value_name else ""
    is_named = 0 < len(name) <= MOST_NAME and 0 < len(language) <= MOST_LANGUAGE
    # A planned change of category names the correct one, and not yet a new one.
    if not is_named or " " in name or (value_name and not value):
        return None
    reason = sanitize(text_field(event.raw, reason_name)) if reason_name else ""
    language = normalize_language(language)
    return TemplateNews(name, language, fact, value[:MOST_WORD], event.at, reason[:200])


def apply_news(
    template: MetaTemplate | None, news: Iterable[TemplateNews], seen_at: datetime | None = None
) -> MetaTemplate | None:
    """Return a template with its news, one of each fact; None if there is neither."""
    for one in news:
        template = _apply(template or _unseen(one), one)
    return template


def _unseen(news: TemplateNews) -> MetaTemplate:
    return MetaTemplate(news.name, news.language, "", source=news.source)


def _apply(template: MetaTemplate, news: TemplateNews) -> MetaTemplate:
    known = replace(template, seen_at=news.at, source=news.source)
    match news.fact:
        case "status":
            return replace(known, status=news.value, reason=news.reason)
        case "quality":
            return replace(known, quality=news.value)
        case "category":
            former = news.reason or template.category
            return replace(known, category=news.value, former_category=former)
        case "components":
            return replace(known, is_outdated=True)
