"""Table of pages: each is data for a program as well, and says by which call it is done."""

import re
from collections.abc import Mapping

import pytest

from gateway.store.redis.client import Store
from gateway.web.console.page_table import ACTIONS, PAGES
from tests.support.servers import Server
from tests.support.web.clinic_world import Clinic
from tests.support.web.console_client import enter
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
# By each action: a page that shows it, and the calls of the API that it is.
CALLS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "/search": ("/messages", ("GET /v1/events/", "GET /v1/messages?reference=")),
    "/conversations/{number}/{handle}/reply": ("", ("POST /v1/messages",)),
    "/conversations/{number}/{handle}/take-over": ("", ("PATCH /v1/contacts/",)),
    "/conversations/{number}/{handle}/give-back": ("", ("PATCH /v1/contacts/",)),
    "/conversations/{number}/{handle}/mute": ("", ("PATCH /v1/contacts/",)),
    "/dead-letters/preview": ("/dead-letters", ("GET /v1/dead-letters",)),
    "/dead-letters/act": ("/dead-letters", ("POST /v1/dead-letters/", "DELETE /v1/dead-letters/")),
    "/dead-letters/act-on-one": ("/dead-letters", ("POST /v1/dead-letters/",)),
    "/campaigns": ("/campaigns", ("POST /v1/campaigns",)),
    "/campaigns/{id}/audience": ("", ("PUT /v1/campaigns/",)),
    "/campaigns/{id}/tagged": ("", ("PUT /v1/campaigns/",)),
    "/campaigns/{id}/check": ("", ("POST /v1/campaigns/",)),
    "/campaigns/{id}/test": ("", ("POST /v1/campaigns/",)),
    "/campaigns/{id}/control": ("", ("POST /v1/campaigns/",)),
    "/campaigns/{id}/retry": ("", ("POST /v1/campaigns/",)),
    "/templates/fetch": ("/templates", ("POST /v1/templates/sync",)),
    "/forwards/{receiver}/control": ("/forwards", ("POST /v1/forwards/",)),
    "/forwards/test": ("/forwards", ("POST /v1/forwards/RECEIVER/test",)),
    "/forwards/replay": ("/forwards", ("POST /v1/forwards/RECEIVER/replay",)),
    "/numbers/{number}/hold": ("/numbers", ("POST /v1/numbers/",)),
    "/numbers/{number}/release": ("/numbers", ("POST /v1/numbers/",)),
}
# What is the console's own: who may see something unmasked, its jobs, and rules, which have a
# command of their own.
WITHOUT_CALL = {
    "/messages/{id:path}/reveal",
    "/conversations/{number}/{handle}/reveal",
    "/jobs/{id}/stop",
    "/rules",
}
# Nothing but the console reads its audit log.
WITHOUT_HOW = {"/audit"}


async def test_each_page_is_json_too_and_says_how_to_ask_for_it(
    server: Server, store: Store, clinic: Clinic
) -> None:
    async with a_web(server.url, lambda: None, **clinic.env) as web:
        enter(web, store, "admin")
        for page in PAGES:
            place = clinic.place(page.path)
            query = f"?from={clinic.number}" if page.path.startswith("/templates") else ""
            data = await web.api.get(f"{place}.json{query}")
            html = await web.api.get(f"{place}{query}")
            assert (data.status_code, html.status_code) == (200, 200), page.path
            assert data.headers["content-type"] == "application/json"
            assert data.json()["title"] in html.text
            assert ('class="how"' in html.text) == (page.path not in WITHOUT_HOW), page.path


async def test_each_action_shows_the_call_of_the_api_that_it_is(
    server: Server, store: Store, clinic: Clinic
) -> None:
    assert {one.path for one in ACTIONS} == CALLS.keys() | WITHOUT_CALL
    async with a_web(server.url, lambda: None, **clinic.env) as web:
        enter(web, store, "admin")
        for path, (page, calls) in CALLS.items():
            place = clinic.place(page or path.rpartition("/")[0])
            query = f"?from={clinic.number}" if page == "/templates" else ""
            shown = _calls(await _read(web, f"{place}{query}"))
            for call in calls:
                assert any(one.startswith(call) for one in shown), (path, call, shown)


async def _read(web: Web, address: str) -> str:
    answer = await web.api.get(address)
    assert answer.status_code == 200
    return str(answer.text)


def _calls(html: str) -> list[str]:
    """Return the calls that a page shows as curl, each with its method."""
    found = re.findall(r'curl -X (\w+) .*?"\$GATEWAY(/v1/[^"]*)"</pre>', html, re.DOTALL)
    return [f"{method} {path}" for method, path in found]
