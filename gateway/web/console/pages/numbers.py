"""Number pages: whether each of our numbers sends, and the operator's holds."""

from collections.abc import Mapping

from gateway.core.console.users import OPERATE
from gateway.web.api.operations.numbers import PATH
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
    Redirection,
)

NUMBERS = f"{ROOT}/numbers"
PER_PAGE = "100"


async def build(visit: PageVisit) -> PageView:
    """Return a page of our numbers."""
    query = {"cursor": visit.query.get("cursor", "")} if visit.query.get("cursor") else {}
    panels = await visit.desk.panels(numbers=visit.desk.api.call(visit.user, "GET", PATH, query))
    data = {**panels, "may_act": visit.user.may(OPERATE)}
    return PageView("Numbers", "setup/numbers.html", data)


async def hold(visit: PageVisit) -> Redirection:
    """Stop what a number sends, or what one rule sends from it."""
    return await _change(visit, "hold", {"why": visit.form.get("why", "").strip()})


async def release(visit: PageVisit) -> Redirection:
    """Let a number, or the sends of one rule, go on."""
    return await _change(visit, "release", {})


async def _change(visit: PageVisit, verb: str, body: Mapping[str, str]) -> Redirection:
    number, rule = visit.path["number"], visit.form.get("rule", "").strip()
    if verb == "hold" and not body["why"]:
        raise PageError(422, "A reason is needed.", "Say why: others are shown it.")
    about = f"number {number}" + (f", rule {rule}" if rule else "")
    await visit.desk.note(visit.user, verb, about)
    fields = {**body, "rule": rule} if rule else body
    await visit.desk.api.call(visit.user, "POST", f"{PATH}/{number}/{verb}", {}, fields)
    return Redirection(NUMBERS)


PAGES = (ConsolePage("/numbers", build, label="Numbers", key="n"),)
ACTIONS = (
    ConsoleAction("/numbers/{number}/hold", hold, OPERATE),
    ConsoleAction("/numbers/{number}/release", release, OPERATE),
)
