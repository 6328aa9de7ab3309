"""Choice of the template that a message means, among those of its account."""

from collections.abc import Sequence
from typing import Any

from gateway.core.templates.check import FindPointer, find_mismatches
from gateway.core.templates.parameters import TemplateParameter, is_checkable
from gateway.core.templates.template import MetaTemplate, Mismatch, normalize_language
from gateway.core.text import printable, suggestion_for

MOST_NAMED = 12


def find_unknown(
    name: str, language: str, keys: Sequence[tuple[str, str]], pointer: str
) -> Mismatch:
    """Return why no template has this name and language, with those that are probably meant."""
    languages = sorted(one for known, one in keys if known == name)
    if not languages:
        names = {known for known, _ in keys}
        hint = suggestion_for(name, names) if names else ""
        hint = f"; {hint}" if "did you mean" in hint else ""
        return Mismatch(f"{pointer}/name", f"is the name of no template at Meta{hint}")
    wanted = normalize_language(language)
    close = [one for one in languages if one.partition("_")[0] == wanted.partition("_")[0]]
    listed = ", ".join(map(printable, languages[:MOST_NAMED]))
    detail = f"is not a language of {name}, which Meta has in {listed}"
    return Mismatch(
        f"{pointer}/language", f"{detail}: write {close[0]}" if len(close) == 1 else detail
    )


def find_template_mismatches(
    template: MetaTemplate,
    parameters: Sequence[TemplateParameter],
    components: Any,
    pointer: str,
    base: str = "",
    point: FindPointer | None = None,
) -> list[Mismatch]:
    """Return why Meta would refuse a message of this template.

    A template that Meta has stopped is none: sends of it wait. `parameters` are the template's.
    """
    found: list[Mismatch] = []
    if template.status and not template.is_usable and not template.is_stopped:
        found.append(Mismatch(f"{pointer}/name", f"cannot be sent: {template.unusable_reason}"))
    if is_checkable(template):
        base = base or f"{pointer}/components"
        found += find_mismatches(components, parameters, base=base, point=point)
    return found
