"""Check of the templates that rules send: whether Meta has each, and lets it be sent."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from gateway.cli.setup.doctor.checks.rules_and_disk import Rules
from gateway.cli.setup.doctor.findings import Check, Finding, Unseen, both, fine
from gateway.cli.setup.doctor.meta_answers import MetaAnswers, answer_or_unseen, by_token, of_meta
from gateway.core.formats import pluralize
from gateway.core.templates.template import USABLE
from gateway.core.text import printable
from gateway.graph.admin.models import TemplateInfo
from gateway.rules.matching.action import NamedTemplate

FLAGGED = "FLAGGED"
ADVICE = (
    "In WhatsApp Manager under Message templates, create it under this name and in this language, "
    "and wait until Meta approved it."
)
_PENDING = "Wait until Meta has looked at it, mostly within a day; until then nothing is sent."
_STOPPED = "Improve it in WhatsApp Manager under Message templates, or name another one."

Inputs: TypeAlias = tuple[tuple[NamedTemplate, ...], tuple[TemplateInfo, ...]]


def templates(inputs: Inputs) -> Iterator[Finding]:
    """Check each template that rules send."""
    wanted, known = inputs
    findings = [one for template in wanted for one in _judge(template, known)]
    yield from findings
    if not wanted:
        yield fine("No rule sends a template.")
    elif not findings:
        yield fine(f"Meta approved {pluralize(len(wanted), 'template')} that rules send.")


def _judge(template: NamedTemplate, known: tuple[TemplateInfo, ...]) -> Iterator[Finding]:
    named = [one for one in known if one.name == template.name]
    status = next((one.status for one in named if one.language == template.language), None)
    name = f"{template.name} ({template.language})"
    if not named:
        yield Finding("broken", f"{name}: Meta has no template of this name.")
    elif status is None:
        languages = ", ".join(sorted(printable(one.language) for one in named))
        advice = f"Write the language in the rule that Meta has: {languages}."
        yield Finding("broken", f"{name}: Meta has it in {languages}, not in this one.", advice)
    elif status == FLAGGED:
        message = f"{name}: its status is {FLAGGED}, so Meta may pause it soon."
        yield Finding("warning", message, _STOPPED)
    elif status not in USABLE:
        advice = _PENDING if status == "PENDING" else _STOPPED
        word = printable(status) or "unknown"
        yield Finding("broken", f"{name}: its status is {word}, so it is not sent.", advice)


def _inputs(facts: Any) -> Inputs | Unseen:
    rules: Rules | Unseen = facts.rules
    if isinstance(rules, Unseen):
        return rules
    if rules.problems:
        return Unseen("the rules here cannot be read")
    return (rules.templates, ()) if not rules.templates else both(rules.templates, _known(facts))


def _answer(meta: MetaAnswers) -> tuple[TemplateInfo, ...] | Unseen:
    return answer_or_unseen(by_token(meta, meta.templates))


_known = of_meta(_answer)
CHECKS: tuple[Check[Any], ...] = (Check("templates", "templates", _inputs, templates, ADVICE),)
