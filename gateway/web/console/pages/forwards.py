"""Forwards page: how each receiver of events is, paused and resumed by operators."""

from gateway.core.console.users import OPERATE
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
    Redirection,
)

API = "/v1/forwards"
VERBS = ("pause", "resume")


async def build(visit: PageVisit) -> PageView:
    """Return the receivers that have or had an event, and what waits for each."""
    panels = await visit.desk.panels(receivers=visit.desk.api.call(visit.user, "GET", API))
    data = {**panels, "may_act": visit.user.may(OPERATE)}
    return PageView("Forwards", "setup/forwards.html", data)


async def control(visit: PageVisit) -> Redirection:
    """Let a receiver get nothing for now, or what waits."""
    receiver, verb = visit.path["receiver"], visit.form.get("verb", "")
    if verb not in VERBS:
        raise PageError(422, "There is no such act.", f"Acts: {', '.join(VERBS)}.")
    await visit.desk.note(visit.user, f"{verb} a receiver", receiver)
    await visit.desk.api.call(visit.user, "POST", f"{API}/{receiver}/{verb}")
    return Redirection(f"{ROOT}/forwards")


PAGES = (ConsolePage("/forwards", build, label="Forwards", key="f"),)
ACTIONS = (ConsoleAction("/forwards/{receiver}/control", control, OPERATE),)
