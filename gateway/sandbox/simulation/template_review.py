"""Meta's review of templates: what it changes by itself, each time with its webhook."""

from typing import Any

from gateway.sandbox.simulation import webhook_payloads
from gateway.sandbox.simulation.apps import SimulatedApp
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.templates import as_form, template_id, with_status


class TemplateReview:
    """Changes templates of the sandbox, and posts webhooks about them."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Review the templates of one sandbox."""
        self._sandbox = sandbox

    def set_status(self, app: SimulatedApp, name: str, language: str, status: str) -> None:
        """Give a template another status, as Meta does by itself, and announce it."""
        templates = self._sandbox.policy.templates
        templates[name] = with_status(templates[name], language, status)
        self.announce(app, name, language, status)

    def set_quality(self, app: SimulatedApp, name: str, language: str, quality: str) -> None:
        """Give a template another quality, and announce it."""
        templates = self._sandbox.policy.templates
        form = as_form(templates[name])
        templates[name] = form.model_copy(update={"quality": quality})
        field = webhook_payloads.TEMPLATE_QUALITY
        scores = {"previous_quality_score": form.quality, "new_quality_score": quality}
        self.post(app, field, name, language, **scores)

    def set_category(self, app: SimulatedApp, name: str, language: str, category: str) -> None:
        """Give a template another category, and announce it."""
        templates = self._sandbox.policy.templates
        form = as_form(templates[name])
        templates[name] = form.model_copy(update={"category": category.lower()})
        field = webhook_payloads.TEMPLATE_CATEGORY
        names = {"previous_category": form.category.upper(), "new_category": category.upper()}
        self.post(app, field, name, language, **names)

    def announce(self, app: SimulatedApp, name: str, language: str, status: str) -> None:
        """Post a template's status."""
        field = webhook_payloads.TEMPLATE_STATUS
        self.post(app, field, name, language, event=status, reason="NONE")

    def post(self, app: SimulatedApp, field: str, name: str, language: str, **more: Any) -> None:
        """Post news about a template."""
        id_ = template_id(name, language)
        change = webhook_payloads.template_change(field, id_, name, language, **more)
        self._sandbox.post_template_update(app, change)
