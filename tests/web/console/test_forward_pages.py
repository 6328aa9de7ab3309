"""Forwards page: operators test a receiver, and let it get events once more, as the API does it."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.console import audit_log
from gateway.store.inbox.record import BODY, HEADER
from gateway.store.outgoing.forwards import pause_receiver, resume_receiver
from gateway.store.outgoing.receiver_states import read_receiver_states
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.web.console_client import enter
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
PAGE = "/console/forwards"
REPLAY = {"receiver": "crm", "since": "1970-01-01T00:00:00Z"}


@pytest.fixture
def application() -> Iterator[Application]:
    with an_application() as running:
        yield running


@pytest.fixture
def rules(tmp_path: Path, application: Application, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRM_SECRET", f"whsec_{base64.b64encode(b's' * 32).decode()}")
    path = tmp_path / "forwarding.yaml"
    url = f"http://127.0.0.1:{application.port}/in"
    receiver = f'{{to: crm, url: "{url}", secret: CRM_SECRET, events: message}}'
    path.write_text(f"version: 1\nforwards: [{receiver}]\nrules: []\n")
    return str(path)


async def test_a_receiver_is_tested_and_its_answer_is_shown(
    server: Server, store: Store, rules: str, application: Application
) -> None:
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_RULES=rules) as web:
        enter(web, store, "operate")
        taken = await web.api.post(f"{PAGE}/test", data={"receiver": " crm ", "number": ""})
        application.status = 503
        refused = await web.api.post(f"{PAGE}/test", data={"receiver": "crm", "number": NUMBER})
        unknown = await web.api.post(f"{PAGE}/test", data={"receiver": "erp"})
        odd = await web.api.post(f"{PAGE}/test", data={"receiver": "../numbers"})

    assert "<bdi>crm</bdi> took it: 204 after" in taken.text
    assert "<bdi>crm</bdi> did not take it:" in refused.text
    assert (unknown.status_code, odd.status_code) == (404, 422)
    assert len(application.posts) == 2
    assert [(one.what, one.about) for one in audit_log.read_entries(store, "", 9)] == [
        ("test a receiver", "erp"),
        ("test a receiver", "crm"),
        ("test a receiver", "crm"),
    ]


async def test_a_receiver_that_the_rules_do_not_name_is_shown_so(
    server: Server, store: Store, rules: str
) -> None:
    number_list.add_number(store, NUMBER)
    for name in ("crm", "old"):
        pause_receiver(store, NUMBER, name)
        resume_receiver(store, NUMBER, name)
    async with a_web(server.url, GATEWAY_RULES=rules) as web:
        enter(web, store, "look")
        html = (await web.api.get(PAGE)).text

    rows = dict(
        re.findall(r"<tr data-row><td><bdi>(\w+)</bdi>.*?<span class=(.*?)</span>", html, re.S)
    )
    assert rows == {"crm": '"good">well', "old": '"odd">not in the rules'}


async def test_events_are_counted_and_then_posted_once_more(
    server: Server, store: Store, rules: str
) -> None:
    number_list.add_number(store, NUMBER)
    row = {HEADER: "meta|0|", BODY: Bodies().pack(delivery_body(message_item("wamid.1")))}
    raw(store).xadd(f"{keys.partition(0)}inbox", row, "1000-0")
    async with a_web(server.url, GATEWAY_RULES=rules) as web:
        enter(web, store, "operate")
        counted = await web.api.post(f"{PAGE}/replay", data={**REPLAY, "verb": "count"})
        before = read_receiver_states(store, [NUMBER])
        queued = await web.api.post(f"{PAGE}/replay", data={**REPLAY, "verb": "replay"})
        timeless = await web.api.post(f"{PAGE}/replay", data={"receiver": "crm"})

    assert "Found 1 that were meant for <bdi>crm</bdi>.</p>" in counted.text
    assert sum(one.waiting for one in before) == 0
    assert "Posted once more: 1; what waits already is not." in queued.text
    assert [one.waiting for one in read_receiver_states(store, [NUMBER])] == [1]
    assert (timeless.status_code, "since must say from when" in timeless.text) == (422, True)
    assert [(one.what, one.about) for one in audit_log.read_entries(store, "", 9)][1:] == [
        ("replay events to a receiver", "crm since 1970-01-01T00:00:00Z"),
        ("count events for a receiver", "crm since 1970-01-01T00:00:00Z"),
    ]


@pytest.mark.parametrize("role", ["look", "reply"])
async def test_only_an_operator_tests_and_replays(
    server: Server, store: Store, rules: str, role: str, application: Application
) -> None:
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_RULES=rules) as web:
        enter(web, store, role)
        answers = [await web.api.post(f"{PAGE}/{what}", data=REPLAY) for what in ("test", "replay")]
        html = (await web.api.get(PAGE)).text

    assert [one.status_code for one in answers] == [403, 403]
    assert "Test a receiver" not in html
    assert application.posts == []
