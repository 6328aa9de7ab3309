"""Templates of the account: their category, and in which language Meta approved them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

from gateway.sandbox.fields import Text
from gateway.sandbox.wire import Json

Category = Literal["marketing", "utility", "authentication"]
USUAL: Category = "utility"
APPROVED = "APPROVED"


class TemplateForm(BaseModel):
    """A template: the status of each language in Meta's words, and its components."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    category: Category = USUAL
    languages: dict[Text, Text] = {"en": APPROVED}
    components: tuple[dict[str, Any], ...] = ()


TEMPLATES_FORM = (
    f"names of templates, each with {', '.join(get_args(Category))} or with category, languages "
    "(of each its status) and components"
)
Templates = Annotated[dict[Text, Category | TemplateForm], Field(description=TEMPLATES_FORM)]
FIELDS = ("name", "components", "language", "status", "category", "id")


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


def show(templates: Mapping[str, Category | TemplateForm]) -> Json:
    """Return all templates in the form in which they are set."""
    return {
        name: form.model_dump() if isinstance(form, TemplateForm) else form
        for name, form in templates.items()
    }


def _languages(form: Category | TemplateForm) -> Mapping[str, str]:
    return form.languages if isinstance(form, TemplateForm) else {"en": APPROVED}


def _row(name: str, form: Category | TemplateForm, language: str, status: str) -> Json:
    whole = form if isinstance(form, TemplateForm) else TemplateForm(category=form)
    components = list(whole.components) or [{"type": "BODY", "text": name}]
    return {
        "name": name,
        "components": components,
        "language": language,
        "status": status,
        "category": whole.category.upper(),
        "id": f"{crc32(f'{name} {language}'.encode()):015}",
    }
