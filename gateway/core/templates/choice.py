"""Judgement of a message by what is known of its account's templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from gateway.core.templates.check import describe_parameters, find_mismatches
from gateway.core.templates.given import GivenParameter
from gateway.core.templates.param_form import pointer_of
from gateway.core.templates.parameters import TemplateParameter, is_checkable, read_parameters
from gateway.core.templates.quick_check import ParameterIndex
from gateway.core.templates.template import (
    NO_TEMPLATE,
    MetaTemplate,
    Mismatch,
    normalize_language,
    split_key,
    template_key,
)
from gateway.core.text import printable, suggestion_for

MOST_NAMED = 12


@dataclass(frozen=True)
class KnownTemplate:
    """A template with its parameters, which are read once."""

    template: MetaTemplate

    @cached_property
    def index(self) -> ParameterIndex:
        """Return them by place, for a look at a message."""
        return ParameterIndex(self.parameters)

    @cached_property
    def parameters(self) -> tuple[TemplateParameter, ...]:
        """Return its parameters."""
        return read_parameters(self.template)


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """A message's use of a template: Meta's object of it, and where that stands in the request.

    `params` are those of the short form, None where the request has Meta's form.
    """

    name: str
    language: str
    components: Any
    pointer: str
    params: Any = None

    @property
    def key(self) -> str:
        """Return the key of the template."""
        return template_key(self.name, self.language)

    @property
    def base(self) -> str:
        """Return the pointer of all parameters together."""
        return f"{self.pointer}/{'components' if self.params is None else 'params'}"

    def point(self, given: GivenParameter) -> str:
        """Return the pointer of one parameter in what the client wrote."""
        return given.pointer if self.params is None else pointer_of(self.params, given, self.base)


def read_use(body: Any, pointer: str, params: Any = None) -> TemplateUse | None:
    """Return the use in a message of Meta's form; None if it is no template, or is malformed."""
    match body:
        case {
            "type": "template",
            "template": {"name": str(name), "language": {"code": str(language)}, **more},
        }:
            return TemplateUse(name, language, more.get("components"), pointer, params)
        case _:
            return None


def judge_use(
    use: TemplateUse, known: KnownTemplate | None, words: Mapping[str, str] | None
) -> list[Mismatch]:
    """Return why Meta would refuse a use.

    `words` are the statuses of all templates by key, None while the account's list is not known:
    then a template that is not known may be there all the same. A stopped template is no mistake,
    since sends of it wait.
    """
    if known is None:
        return [find_unknown(use, words)] if words is not None else []
    found: list[Mismatch] = []
    template = known.template
    if words is not None and template.unusable_reason and not template.is_stopped:
        detail = f"cannot be sent: {template.unusable_reason}"
        found.append(Mismatch(f"{use.pointer}/name", detail, NO_TEMPLATE))
    if is_checkable(template) and not known.index.fits(use.components):
        found += find_mismatches(use.components, known.parameters, base=use.base, point=use.point)
    return found


def find_unknown(use: TemplateUse, words: Mapping[str, str]) -> Mismatch:
    """Return why no template has this name and language, with those that are probably meant."""
    keys = [split_key(key) for key in words]
    languages = sorted(language for name, language in keys if name == use.name)
    if not languages:
        hint = suggestion_for(use.name, {name for name, _ in keys}) if keys else ""
        hint = f"; {hint}" if "did you mean" in hint else ""
        return Mismatch(
            f"{use.pointer}/name", f"is the name of no template at Meta{hint}", NO_TEMPLATE
        )
    main = normalize_language(use.language).partition("_")[0]
    close = [one for one in languages if one.partition("_")[0] == main]
    listed = ", ".join(map(printable, languages[:MOST_NAMED]))
    detail = f"is not a language of {use.name}, which Meta has in {listed}"
    hint = f": write {close[0]}" if len(close) == 1 else ""
    return Mismatch(f"{use.pointer}/language", detail + hint, NO_TEMPLATE)


def name_versions(
    found: Sequence[Mismatch],
    before: KnownTemplate | None,
    after: KnownTemplate | None,
    fetched_at: datetime | None,
) -> list[Mismatch]:
    """Return mistakes with the age of the list, and with what the template was before it.

    `before` is the template as it was known until the list of `fetched_at`, and `after` as it is.
    """
    if fetched_at is None:
        return list(found)
    at = f"{fetched_at:%Y-%m-%d %H:%M} UTC"
    note = f" (Meta's list of {at})"
    if before and after and before.parameters != after.parameters:
        note = f" (since the list of {at}; before, {describe_parameters(before.parameters)})"
    return [one._replace(detail=one.detail + note) for one in found]
