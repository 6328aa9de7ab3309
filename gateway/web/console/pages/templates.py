"""Template pages: what Meta approved, why some cannot be sent, and each as the chat shows it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from gateway.core.console.users import REPLY
from gateway.core.messages.rendering import ChatMessage
from gateway.web.api.operations.templates import PATH
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageView,
    PageVisit,
    Redirection,
)
from gateway.web.console.rendering import render_bubble

TEMPLATES = f"{ROOT}/templates"
PER_PAGE = "50"
_FILTERS = ("from", "status", "q")


async def build_list(visit: PageVisit) -> PageView:
    """Return a page of the templates of a number's account, by name."""
    asked = {name: visit.query.get(name, "").strip() for name in _FILTERS}
    asked["from"] = _choose_number(visit, asked["from"])
    query = {**asked, "limit": PER_PAGE, "cursor": visit.query.get("cursor", "")}
    panels = await visit.desk.panels(
        templates=visit.desk.api.call(visit.user, "GET", PATH, _drop_empty(query))
    )
    data = {
        **panels,
        "asked": asked,
        "numbers": visit.desk.numbers_of(visit.user),
        "may_fetch": visit.user.may(REPLY),
    }
    return PageView("Templates", "setup/templates.html", data)


async def build_one(visit: PageVisit) -> PageView:
    """Return one template, drawn as the chat shows it."""
    name, language = visit.path["name"], visit.path["language"]
    query = _drop_empty({"from": _choose_number(visit, visit.query.get("from", ""))})
    found = await visit.desk.api.call(visit.user, "GET", f"{PATH}/{name}/{language}", query)
    data = {"template": found, "bubble": _draw(found), "asked": query}
    return PageView(f"Template {name}", "setup/template.html", data)


async def fetch(visit: PageVisit) -> Redirection:
    """Fetch the list from Meta now."""
    query = _drop_empty({"from": _choose_number(visit, visit.form.get("from", ""))})
    await visit.desk.note(visit.user, "fetch templates", query.get("from", ""))
    await visit.desk.api.call(visit.user, "POST", f"{PATH}/sync", query)
    number = query.get("from")
    return Redirection(f"{TEMPLATES}?from={quote(number)}" if number else TEMPLATES)


def _choose_number(visit: PageVisit, given: str) -> str:
    """Return the number whose account's templates are meant, "" for the default one.

    Raises PageError.
    """
    visit.check_number(given)
    own = visit.desk.numbers_of(visit.user) if visit.user.accounts else []
    return given or next(iter(own), "")


def _draw(template: Mapping[str, Any]) -> Markup:
    """Draw a template with its placeholders, since nobody has given values."""
    language = {"code": template["language"]}
    body = {"type": "template", "template": {"name": template["name"], "language": language}}
    return render_bubble(ChatMessage(body, template={"components": template["components"] or []}))


def _drop_empty(query: Mapping[str, str]) -> Mapping[str, str]:
    return {name: text for name, text in query.items() if text}


PAGES = (
    ConsolePage("/templates", build_list, label="Templates", key="t"),
    ConsolePage("/templates/{name}/{language}", build_one),
)
ACTIONS = (ConsoleAction("/templates/fetch", fetch, REPLY),)
