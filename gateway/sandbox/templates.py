"""Templates of the account: their category, and in which language Meta approved them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

from gateway.sandbox.errors import NO_TEMPLATE, TEMPLATE_DISABLED, TEMPLATE_PAUSED, Refusal
from gateway.sandbox.fields import Text
from gateway.sandbox.wire import Json

Category = Literal["marketing", "utility", "authentication"]
CATEGORIES = get_args(Category)
USUAL: Category = "utility"
APPROVED = "APPROVED"
USABLE = frozenset({APPROVED, "REINSTATED", "FLAGGED"})


class TemplateForm(BaseModel):
    """A template: the status of each language in Meta's words, and its components."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    category: Category = USUAL
    languages: dict[Text, Text] = {"en": APPROVED}
    components: tuple[dict[str, Any], ...] = ()
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    quality: Text = "UNKNOWN"


TEMPLATES_FORM = (
    f"names of templates, each with {', '.join(CATEGORIES)} or with category, languages "
    "(of each its status) and components"
)
Templates = Annotated[dict[Text, Category | TemplateForm], Field(description=TEMPLATES_FORM)]
FIELDS = (
    "name", "components", "language", "status", "category", "id", "quality_score",
    "rejected_reason", "parameter_format",
)  # fmt: skip
DELETED = "DELETED"
_REFUSALS = {"PAUSED": TEMPLATE_PAUSED, "DISABLED": TEMPLATE_DISABLED}


def category_of(templates: Mapping[str, Category | TemplateForm], name: str) -> str:
    """Return the category of a template; that of an unknown one is the usual."""
    known = templates.get(name, USUAL)
    return known.category if isinstance(known, TemplateForm) else known


def list_templates(
    templates: Mapping[str, Category | TemplateForm], name: str, fields: Sequence[str]
) -> list[Json]:
    """Return the templates whose names contain `name`, each in each language, as Graph does."""
    rows = (
        _row(known, form, language, status)
        for known, form in templates.items()
        if name in known
        for language, status in _languages(form).items()
    )
    return [{field: row[field] for field in (*fields, "id")} for row in rows]


def with_status(form: Category | TemplateForm, language: str, status: str) -> TemplateForm:
    """Return a template whose language has another status, without a language that is deleted."""
    whole = as_form(form)
    languages = dict(whole.languages) | {language: status}
    if status == DELETED:
        del languages[language]
    return whole.model_copy(update={"languages": languages})


def as_form(form: Category | TemplateForm) -> TemplateForm:
    """Return a template as a whole, also one of which only the category is set."""
    return form if isinstance(form, TemplateForm) else TemplateForm(category=form)


def template_id(name: str, language: str) -> str:
    """Return Meta's id of a template in one language."""
    return f"{crc32(f'{name} {language}'.encode()):015}"


def find_by_id(
    templates: Mapping[str, Category | TemplateForm], id_: str
) -> tuple[str, str] | None:
    """Return the name and the language of the template with an id."""
    named = ((name, language) for name, form in templates.items() for language in _languages(form))
    return next((one for one in named if template_id(*one) == id_), None)


def find_refusal(
    templates: Mapping[str, Category | TemplateForm], name: str, language: str
) -> Refusal | None:
    """Return why Meta does not send a template; one that is not set whole is always sent."""
    form = templates.get(name)
    if not isinstance(form, TemplateForm):
        return None
    status = form.languages.get(language, "")
    if status in USABLE:
        return None
    code = _REFUSALS.get(status, NO_TEMPLATE)
    return Refusal(code, "The template is not there in this language, or Meta has stopped it.")


def show(templates: Mapping[str, Category | TemplateForm]) -> Json:
    """Return all templates in the form in which they are set."""
    return {
        name: form.model_dump() if isinstance(form, TemplateForm) else form
        for name, form in templates.items()
    }


def _languages(form: Category | TemplateForm) -> Mapping[str, str]:
    return form.languages if isinstance(form, TemplateForm) else {"en": APPROVED}


def _row(name: str, form: Category | TemplateForm, language: str, status: str) -> Json:
    whole = as_form(form)
    components = list(whole.components) or [{"type": "BODY", "text": name}]
    return {
        "name": name,
        "components": components,
        "language": language,
        "status": status,
        "category": whole.category.upper(),
        "id": template_id(name, language),
        "quality_score": {"score": whole.quality},
        "rejected_reason": "NONE",
        "parameter_format": whole.parameter_format,
    }
