"""Draft of a template: as it is written in a file, checked as Meta does before it is sent there.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.templates.draft_buttons import check_buttons
from gateway.core.templates.parameters import (
    BODY,
    HEADER,
    MOST_BODY,
    MOST_HEADER,
    PLACE,
    placeholders,
    read_parameters,
)
from gateway.core.templates.template import MetaTemplate, normalize_language, template_key

CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
FORMATS = ("NAMED", "POSITIONAL")
MOST_FOOTER = 60
FIELDS = frozenset({"name", "language", "category", "parameter_format", "components"})
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
_PARAMETER_NAME = re.compile(r"[a-z_][a-z0-9_]*")
# Fields whose values are texts also where YAML has a number.
_TEXTS = frozenset({"text", "example", "phone_number"})
_KINDS = {"HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER"}


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """A template as a file has it; `components` are Meta's own objects."""

    name: str
    language: str
    category: str
    components: tuple[Mapping[str, Any], ...] = field(repr=False)
    is_named: bool = False

    @property
    def key(self) -> str:
        """Return the key of its name and language."""
        return template_key(self.name, self.language)

    def to_graph(self) -> dict[str, Any]:
        """Return the form in which it is created at Meta."""
        return {
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "parameter_format": "NAMED" if self.is_named else "POSITIONAL",
            "components": list(self.components),
        }


def read_draft(fields: Any) -> TemplateDraft | list[str]:
    """Return the draft of a file, or everything that is wrong with its form."""
    if not isinstance(fields, Mapping):
        return ["must have name, language, category and components"]
    wrong = [f"{name}: is unknown" for name in sorted(map(str, fields.keys() - FIELDS))]
    components = fields.get("components")
    if not isinstance(components, list) or not all(isinstance(one, Mapping) for one in components):
        wrong.append("components: must be a list of Meta's objects")
    for name, known in (("category", CATEGORIES), ("parameter_format", FORMATS)):
        if str(fields.get(name, known[-1])) not in known:
            wrong.append(f"{name}: must be one of {', '.join(known)}")
    for name, pattern, shown in (
        ("name", _NAME, "small letters, digits and _, 512 at most"),
        ("language", _LANGUAGE, "such as en or pt_PT"),
    ):
        if not pattern.fullmatch(str(fields.get(name, ""))):
            wrong.append(f"{name}: must be {shown}")
    if wrong:
        return wrong
    return TemplateDraft(
        name=str(fields["name"]),
        language=normalize_language(str(fields["language"])),
        category=str(fields.get("category", CATEGORIES[-1])),
        components=tuple(map(_write_texts, components or ())),
        is_named=fields.get("parameter_format") == "NAMED",
    )


def _write_texts(value: Any, *, is_text: bool = False) -> Any:
    """Return components in which texts and examples are no numbers, as Meta answers with them."""
    if isinstance(value, Mapping):
        return {
            name: _write_texts(one, is_text=is_text or name in _TEXTS)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_write_texts(one, is_text=is_text) for one in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_text and is_number else value


def draft_of(template: MetaTemplate) -> TemplateDraft:
    """Return the draft that would make a template of Meta's, without what expires."""
    components = tuple(map(_without_handles, template.components or ()))
    return TemplateDraft(
        template.name, template.language, template.category, components, template.is_named
    )


def _without_handles(component: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out the address of an example file, which Meta makes anew each time."""
    example = component.get("example")
    if not isinstance(example, Mapping) or "header_handle" not in example:
        return component
    rest = {name: one for name, one in example.items() if name != "header_handle"}
    whole = {name: one for name, one in component.items() if name != "example"}
    return whole | ({"example": rest} if rest else {})


def differs(draft: TemplateDraft, template: MetaTemplate) -> list[str]:
    """Return in which fields a draft differs from what Meta has."""
    mine, theirs = map(_comparable, (draft, draft_of(template)))
    return [name for name, value in mine.items() if value != theirs[name]]


def _comparable(draft: TemplateDraft) -> dict[str, Any]:
    components = [_without_handles(one) for one in draft.components]
    return {"category": draft.category, "components": components}


def find_draft_problems(draft: TemplateDraft) -> list[str]:
    """Return why Meta would refuse a draft at once, each with the place in it."""
    kinds = [str(one.get("type")).upper() for one in draft.components]
    found = [f"components: {kind} is unknown" for kind in kinds if kind not in _KINDS]
    found += [f"components: {kind} is there twice" for kind in sorted({*kinds}) if
              kinds.count(kind) > 1]  # fmt: skip
    if "BODY" not in kinds:
        found.append("components: BODY is missing")
    for component, kind in zip(draft.components, kinds, strict=True):
        found += [f"{kind.lower()}: {one}" for one in _find_problems(draft, component, kind)]
    return found


def _find_problems(draft: TemplateDraft, component: Mapping[str, Any], kind: str) -> Iterator[str]:
    text = component.get("text", "")
    if kind == "HEADER" and str(component.get("format", "TEXT")).upper() == "TEXT":
        yield from _check_text(draft, str(text), MOST_HEADER)
        if len(placeholders(str(text))) > 1:
            yield "has more than one parameter"
        yield from _check_examples(draft, HEADER)
    elif kind == "BODY" and draft.category != "AUTHENTICATION":
        yield from _check_text(draft, str(text), MOST_BODY)
        yield from _check_ends(str(text))
        yield from _check_examples(draft, BODY)
    elif kind == "FOOTER" and text:
        if len(str(text)) > MOST_FOOTER:
            yield f"has {len(str(text))} characters; Meta takes {MOST_FOOTER}"
        if PLACE.search(str(text)):
            yield "has a parameter, which Meta does not allow there"
    elif kind == "BUTTONS":
        yield from check_buttons(component.get("buttons"))


def _check_text(draft: TemplateDraft, text: str, most: int) -> Iterator[str]:
    if not text.strip():
        yield "is empty"
    if len(text) > most:
        yield f"has {len(text):,} characters; Meta takes {most:,}"
    keys = placeholders(text)
    if draft.is_named:
        odd = [key for key in keys if not _PARAMETER_NAME.fullmatch(key)]
        yield from (f"{{{{{key}}}}} is no name: small letters, digits and _" for key in odd)
    elif keys != [str(i) for i in range(1, len(keys) + 1)]:
        shown = ", ".join(keys)
        yield f"its parameters must be numbered from 1 without a gap, not {shown}"


def _check_ends(text: str) -> Iterator[str]:
    """Meta refuses a text that begins or ends with a parameter."""
    stripped = text.strip()
    found = list(PLACE.finditer(stripped))
    if found and found[0].start() == 0:
        yield "begins with a parameter, which Meta refuses"
    if found and found[-1].end() == len(stripped):
        yield "ends with a parameter, which Meta refuses"


def _check_examples(draft: TemplateDraft, where: str) -> Iterator[str]:
    template = MetaTemplate(draft.name, draft.language, "", components=draft.components)
    for one in read_parameters(template):
        if one.where == where and not one.example:
            yield f"lacks an example of {{{{{one.key}}}}}"
