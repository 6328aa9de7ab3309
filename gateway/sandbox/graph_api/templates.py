"""Graph's endpoints for templates: list, create, edit and delete, with the webhooks of each."""

import re

from pydantic import ValidationError
from starlette.requests import Request

from gateway.sandbox.errors import INVALID, Refusal
from gateway.sandbox.graph_api.auth import Credentials
from gateway.sandbox.graph_api.node_fields import no_such_node, page, split_fields, unknown_field
from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.simulation.template_review import TemplateReview
from gateway.sandbox.simulation.tokens import MANAGEMENT
from gateway.sandbox.templates import (
    APPROVED,
    DELETED,
    FIELDS,
    TemplateForm,
    as_form,
    find_by_id,
    list_templates,
    template_id,
)
from gateway.sandbox.wire import Json

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
_INVALID = Refusal(INVALID, "", message="(#100) Invalid parameter")
# Meta's subcode for a name that the account has in this language already.
_TAKEN = Refusal(INVALID, "", subcode=2388024, message="(#100) Invalid parameter")
_SUCCESS: Json = {"success": True}


class TemplateApi:
    """Templates of the account; Meta's review of one takes no time here, and approves it."""

    def __init__(self, sandbox: Sandbox, credentials: Credentials) -> None:
        """Serve one sandbox."""
        self._sandbox, self._credentials = sandbox, credentials
        self._review = TemplateReview(sandbox)

    def has(self, id_: str) -> bool:
        """Say whether some template has this id."""
        return find_by_id(self._sandbox.policy.templates, id_) is not None

    async def list_some(self, request: Request, params: Json) -> Json | Refusal:
        """List templates page by page, in each language, those with a name if one is given."""
        app = self._credentials.app_of_account(request, params)
        if isinstance(app, Refusal):
            return app
        fields = split_fields(str(params.get("fields", ""))) or FIELDS
        if unknown := next((name for name in fields if name not in FIELDS), None):
            return unknown_field(unknown, "WhatsAppMessageTemplate")
        name = str(params.get("name", ""))
        return page(list_templates(self._sandbox.policy.templates, name, fields), params)

    async def create(self, request: Request, params: Json) -> Json | Refusal:
        """Create a template in one language, and announce that it is approved."""
        app = self._credentials.app_of_account(request, params)
        if isinstance(app, Refusal):
            return app
        name, language = params.get("name"), params.get("language")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return _INVALID
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            return _INVALID
        known = self._sandbox.policy.templates.get(name)
        if known is not None and language in as_form(known).languages:
            return _TAKEN
        form = _read_form(params, {language: APPROVED}, known)
        if form is None:
            return _INVALID
        self._sandbox.policy.templates[name] = form
        self._review.announce(app, name, language, APPROVED)
        id_ = template_id(name, language)
        return {"id": id_, "status": APPROVED, "category": form.category.upper()}

    async def edit(self, request: Request, params: Json) -> Json | Refusal:
        """Change a template's components or category, and announce it."""
        app = self._credentials.app_of_token(request, params, MANAGEMENT)
        if isinstance(app, Refusal):
            return app
        found = find_by_id(self._sandbox.policy.templates, request.path_params["node"])
        if found is None:
            return no_such_node(request)
        name, language = found
        known = as_form(self._sandbox.policy.templates[name])
        form = _read_form({"category": known.category, **params}, {language: APPROVED}, known)
        if form is None:
            return _INVALID
        self._sandbox.policy.templates[name] = form
        if "components" in params:
            field = webhook_payloads.TEMPLATE_COMPONENTS
            element = {"message_template_element": _body_of(form)}
            self._review.post(app, field, name, language, **element)
        self._review.announce(app, name, language, APPROVED)
        return _SUCCESS

    async def delete(self, request: Request, params: Json) -> Json | Refusal:
        """Delete a template in all its languages."""
        app = self._credentials.app_of_account(request, params)
        if isinstance(app, Refusal):
            return app
        known = self._sandbox.policy.templates.pop(str(params.get("name", "")), None)
        if known is None:
            return no_such_node(request)
        for language in as_form(known).languages:
            self._review.announce(app, str(params["name"]), language, DELETED)
        return _SUCCESS


def _read_form(params: Json, languages: dict[str, str], known: object) -> TemplateForm | None:
    """Return a template with what a call says of it, None if that is malformed."""
    before = known if isinstance(known, TemplateForm) else TemplateForm(languages={})
    fields = {
        "category": str(params.get("category", "")).lower(),
        "languages": {**before.languages, **languages},
        "components": params.get("components", before.components),
        "parameter_format": params.get("parameter_format", before.parameter_format),
        "quality": before.quality,
    }
    try:
        form = TemplateForm.model_validate(fields)
    except ValidationError:
        return None
    return form if _body_of(form) or form.category == "authentication" else None


def _body_of(form: TemplateForm) -> str:
    bodies = (one for one in form.components if str(one.get("type")).upper() == "BODY")
    return str(next(bodies, {}).get("text", ""))
