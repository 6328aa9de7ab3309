"""Campaign pages: made, given an audience, checked, started and followed, as the API does it."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.core.campaigns.course import ENDED
from gateway.core.campaigns.definition import StopRules, name_samples
from gateway.core.campaigns.recipient_state import CELLS
from gateway.core.campaigns.retry_source import SCOPES
from gateway.core.console.campaign_form import write_campaign, write_retry
from gateway.core.console.users import OPERATE, ConsoleUser
from gateway.core.messages.rendering import ChatMessage
from gateway.core.templates.choice import TemplateUse, read_use
from gateway.store.campaigns.campaigns import read_campaign
from gateway.store.campaigns.view import read_log, view_campaign
from gateway.web.api.operations.templates import PATH as TEMPLATES
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.forms import new_nonce, read_nonce
from gateway.web.console.live import LiveReader, LiveTopic
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
    Redirection,
    not_found,
)
from gateway.web.console.rendering import render_bubble, render_fragment

API = "/v1/campaigns"
CAMPAIGNS = f"{ROOT}/campaigns"
PER_PAGE = "50"
# What can be done in each phase.
VERBS: Mapping[str, tuple[str, ...]] = {
    "draft": ("check", "start", "cancel"),
    "scheduled": ("pause", "cancel"),
    "running": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
}
_USUAL_WHY: Mapping[str, str] = {"pause": "paused by hand", "cancel": "cancelled by hand"}
NO_ACTS: Mapping[str, Any] = {"verbs": (), "may_test": False, "scopes": ()}
_ID, _SEND = re.compile(r"[a-z0-9]{12}"), re.compile(r"[a-z0-9]{24}")


async def build_list(visit: PageVisit) -> PageView:
    """Return a page of campaigns, the newest first."""
    query = {name: visit.query[name] for name in ("cursor",) if visit.query.get(name)}
    panels = await visit.desk.panels(campaigns=visit.desk.api.call(visit.user, "GET", API, query))
    numbers = visit.desk.numbers_of(visit.user)
    may_act = visit.user.may(OPERATE)
    data = {**panels, "numbers": numbers, "usual_stop": StopRules(), "may_act": may_act}
    return PageView("Campaigns", "campaigns/list.html", data)


async def build_one(visit: PageVisit) -> PageView:
    """Return a campaign, its funnel, and what can be done with it."""
    return await _show(visit)


async def read_live(reader: LiveReader) -> str:
    """Return the funnel of a campaign for the live stream."""
    campaign = await reader.desk.read(read_shown, reader.desk, reader.user, reader.rest)
    return render_fragment("campaigns/progress.html", {"campaign": campaign})


async def create(visit: PageVisit) -> Redirection:
    """Make a draft."""
    body = write_campaign(visit.form)
    visit.check_number(body.get("from", ""))
    await visit.desk.note(visit.user, "create a campaign", str(body["name"]))
    made = await visit.desk.api.call(visit.user, "POST", API, {}, body)
    return Redirection(f"{CAMPAIGNS}/{made['id']}")


async def give_audience(visit: PageVisit) -> PageView:
    """Give a draft the recipients of a file, whole or not at all."""
    id_ = visit.path["id"]
    assert visit.request is not None  # noqa: S101 - an upload has one
    await visit.desk.note(visit.user, "give an audience", f"campaign {id_}")
    query = {name: text for name in ("encoding",) if (text := visit.query.get(name, "").strip())}
    upload = await visit.desk.api.upload(visit.user, f"{API}/{id_}/audience", query, visit.request)
    return await _show(visit, upload=upload)


async def give_tagged(visit: PageVisit) -> PageView:
    """Give a draft the customers with a tag."""
    id_, body = visit.path["id"], {"tag": visit.form.get("tag", "").strip()}
    await visit.desk.note(visit.user, "give an audience", f"campaign {id_}")
    upload = await visit.desk.api.call(visit.user, "PUT", f"{API}/{id_}/audience", {}, body)
    return await _show(visit, upload=upload)


async def check(visit: PageVisit) -> PageView:
    """Check who would get a draft now; the answer has samples of what customers would read."""
    await visit.desk.note(visit.user, "check a campaign", f"campaign {visit.path['id']}")
    found = await visit.desk.api.call(visit.user, "POST", f"{API}/{visit.path['id']}/check")
    return await _show(visit, check=found)


async def send_test(visit: PageVisit) -> Redirection:
    """Send the message to one number, once however often the form is sent."""
    id_, body = visit.path["id"], {"to": visit.form.get("to", "").strip()}
    nonce = read_nonce(visit.form)
    await visit.desk.note(visit.user, "send a test of a campaign", f"campaign {id_}")
    sent = await visit.desk.api.call(visit.user, "POST", f"{API}/{id_}/test", {}, body, nonce)
    return Redirection(f"{CAMPAIGNS}/{id_}?tested={sent['id']}")


async def retry(visit: PageVisit) -> Redirection:
    """Make a draft for those whom an ended campaign did not reach, and lead to it."""
    id_, body = visit.path["id"], write_retry(visit.form)
    await visit.desk.note(visit.user, "retry a campaign", f"campaign {id_}")
    made = await visit.desk.api.call(visit.user, "POST", f"{API}/{id_}/retry", {}, body)
    return Redirection(f"{CAMPAIGNS}/{made['id']}")


async def control(visit: PageVisit) -> Redirection:
    """Start, pause, resume or cancel a campaign."""
    id_, verb = visit.path["id"], visit.form.get("verb", "")
    if verb not in ("start", "pause", "resume", "cancel"):
        raise PageError(422, "There is no such act.", "Start, pause, resume or cancel.")
    body = _write_control(verb, visit.form)
    await visit.desk.note(visit.user, f"{verb} a campaign", f"campaign {id_}")
    await visit.desk.api.call(visit.user, "POST", f"{API}/{id_}/{verb}", {}, body)
    return Redirection(f"{CAMPAIGNS}/{id_}")


def _write_control(verb: str, form: Mapping[str, str]) -> dict[str, str] | None:
    """Return the API's body of an act: why, the check that the page showed, or a later end.

    Raises PageError.
    """
    if usual := _USUAL_WHY.get(verb):
        return {"why": form.get("why", "").strip() or usual}
    name = {"start": "check_id", "resume": "finish_by"}[verb]
    text = form.get(name, "").strip()
    if verb == "start" and not text:
        raise PageError(409, "The campaign was not checked.", "Check it, and start it by that.")
    return {name: text} if text else None


async def _show(visit: PageVisit, upload: Any = None, check: Any = None) -> PageView:
    desk, id_ = visit.desk, visit.path["id"]
    campaign = await desk.read(read_shown, desk, visit.user, id_)
    data = {
        "campaign": campaign,
        **(_list_acts(campaign) if visit.user.may(OPERATE) else NO_ACTS),
        "nonce": new_nonce(),
        "upload": upload,
        "check": check,
        "tested": tested if _SEND.fullmatch(tested := visit.query.get("tested", "")) else None,
        "samples": await _draw_samples(visit, campaign["from"], check["samples"]) if check else (),
    }
    return PageView(campaign["name"], "campaigns/one.html", data, (f"campaign/{id_}",))


def _list_acts(campaign: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what can be done with a campaign: its verbs, a test, and who may get it once more."""
    is_over = campaign["phase"] in ENDED
    return {
        "verbs": VERBS.get(campaign["phase"], ()),
        "may_test": bool(campaign["recipients"]) and not is_over,
        "scopes": [one for one in SCOPES if is_over and campaign["funnel"].get(one)],
    }


async def _draw_samples(
    visit: PageVisit, number: str, samples: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Return the samples of a check as the chat shows them, each with its name and its JSON."""
    use = read_use(samples[0], "#") if samples else None
    template = await _find_template(visit, number, use) if use else None
    drawn = (render_bubble(ChatMessage(body, template=template)) for body in samples)
    return [
        {"name": name, "body": body, "bubble": bubble}
        for name, body, bubble in zip(name_samples(samples), samples, drawn, strict=True)
    ]


async def _find_template(
    visit: PageVisit, number: str, use: TemplateUse
) -> Mapping[str, Any] | None:
    """Return the template as Meta's list has it, None where that is not known."""
    address = f"{TEMPLATES}/{use.name}/{use.language}"
    call = visit.desk.api.call(visit.user, "GET", address, {"from": number})
    found = (await visit.desk.panels(template=call))["template"].data
    return {"components": found["components"] or []} if found else None


def read_shown(desk: ConsoleDesk, user: ConsoleUser, id_: str) -> Mapping[str, Any]:
    """Return what the page shows of a campaign. Raises PageError."""
    campaign = read_campaign(desk.store, desk.bodies, id_) if _ID.fullmatch(id_) else None
    if campaign is None or not desk.may_see(user, campaign.number):
        raise not_found("There is no such campaign.", "It may be forgotten.")
    shown = view_campaign(campaign, datetime.now(UTC))
    funnel = shown["funnel"]
    cells = [(name, funnel[name]) for name in CELLS if funnel.get(name)]
    cells += [(f"left out: {cause}", count) for cause, count in funnel["skipped"].items()]
    done = campaign.recipients - campaign.funnel.pending
    return {**shown, "done": done, "cells": cells, "log": read_log(desk.store, campaign)}


PAGES = (
    ConsolePage("/campaigns", build_list, label="Campaigns", key="b"),
    ConsolePage("/campaigns/{id}", build_one),
)
ACTIONS = (
    ConsoleAction("/campaigns", create, OPERATE),
    ConsoleAction("/campaigns/{id}/audience", give_audience, OPERATE, is_upload=True),
    ConsoleAction("/campaigns/{id}/tagged", give_tagged, OPERATE),
    ConsoleAction("/campaigns/{id}/check", check, OPERATE),
    ConsoleAction("/campaigns/{id}/test", send_test, OPERATE),
    ConsoleAction("/campaigns/{id}/control", control, OPERATE),
    ConsoleAction("/campaigns/{id}/retry", retry, OPERATE),
)
TOPICS = {"campaign": LiveTopic(read_live)}
