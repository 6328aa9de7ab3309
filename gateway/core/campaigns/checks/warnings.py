"""Warnings of a check: what an operator should know before a campaign starts; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.core.campaigns.checks.cost import MARKETING
from gateway.core.templates.choice import TemplateUse
from gateway.core.templates.news import LOWEST_QUALITY
from gateway.core.templates.parameters import is_checkable
from gateway.core.templates.template import MetaTemplate, Mismatch


def warn_of_start(recipients: int, start_at: datetime | None, now: datetime) -> list[str]:
    """Return warnings of an audience without anybody, and of a start that is over."""
    found = []
    if not recipients:
        found.append("It has no recipients: give it an audience.")
    if start_at is not None and start_at < now:
        found.append(f"Its start_at, {start_at:%Y-%m-%d %H:%M} UTC, is over: it begins at once.")
    return found


def warn_of_unknown_template(
    use: TemplateUse | None, template: MetaTemplate | None, found: Sequence[Mismatch]
) -> list[str]:
    """Return a warning where nothing was compared, as Meta's parameters are not known here.

    Of a template that Meta's list has not shown yet, a webhook may have told the status.
    """
    if use is None or found or (template is not None and is_checkable(template)):
        return []
    return [
        "The template was not compared with Meta's, whose texts are not known here. Fetch Meta's "
        "list with gateway templates sync, and check again; an empty list says nothing of it."
    ]


def warn_of_template(template: MetaTemplate | None, *, is_stopped: bool) -> list[str]:
    """Return what an operator should know of the template before the start."""
    if template is None or not (is_stopped or template.is_stopped):
        return []
    reason = template.unusable_reason or "it refused it lately"
    return [f"Meta has stopped the template ({reason}): messages wait until it is reinstated."]


def warn_of_quality(template: MetaTemplate | None, flagged_at: datetime | None) -> list[str]:
    """Return warnings of a quality that is low before the start: its fall pauses nothing then."""
    found = []
    if template is not None and template.quality in LOWEST_QUALITY:
        found.append(
            f"The template's quality at Meta is {template.quality}: customers report it, and Meta "
            "pauses it next."
        )
    if flagged_at is not None:
        found.append(
            f"Meta flagged the quality of the number at {flagged_at:%Y-%m-%d %H:%M} UTC: customers "
            "block or report what it sends."
        )
    return found


def warn_of_consent(category: str, *, is_marketing: bool) -> list[str]:
    """Return a warning where a template of marketing would go to who wants no marketing."""
    if category != MARKETING or is_marketing:
        return []
    return [
        "The template is one of marketing, but the campaign says that it is none, so those who "
        "want no marketing get it too: leave marketing at true."
    ]


def warn_of_us_numbers(countries: Mapping[str, int], category: str) -> list[str]:
    """Return a warning of recipients to whom Meta delivers no marketing messages (code 131049).

    https://developers.facebook.com/docs/whatsapp/message-templates/creation
    """
    count = countries.get("US", 0) if category == MARKETING else 0
    if not count:
        return []
    who = "1 recipient has a US number" if count == 1 else f"{count:,} recipients have US numbers"
    return [f"{who} (+1): Meta delivers no marketing messages there."]


def warn_of_end(finish_by: datetime | None, ends_at: datetime) -> list[str]:
    """Return a warning where a campaign takes longer than until its end."""
    if finish_by is None or ends_at <= finish_by:
        return []
    return [
        f"It takes until {ends_at:%Y-%m-%d %H:%M} UTC, and whoever is left at "
        f"{finish_by:%Y-%m-%d %H:%M} UTC (finish_by) is never written to."
    ]


def warn_of_receiver(unnamed: str) -> list[str]:
    """Return a warning of a notice to a receiver that the rules do not name, "" where they do."""
    if not unnamed:
        return []
    return [
        f"The notice of its end goes to the forward {unnamed}, which the rules of its number do "
        "not name: it waits until they do, and is a dead letter after three days."
    ]
