"""Dead letter pages: an act on all that match does exactly what its preview said."""

import asyncio
import re
from html import unescape
from typing import Any

import pytest

from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.store import number_list
from gateway.store.console import audit_log
from gateway.store.console.jobs import ask_to_stop, read_progress
from gateway.store.dead_letters import dead_letters
from gateway.store.redis.client import Store
from gateway.web.api.operations import dead_letters as letter_routes
from gateway.web.console.desk.jobs import JobRunner
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.dead_sends import die
from tests.support.store.sends import a_send, queue
from tests.support.web.console_client import enter
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
PAGE = "/console/dead-letters"


def let_die(store: Store, name: str, code: int = 131047) -> str:
    number_list.add_number(store, NUMBER)
    send = a_send(name, name)
    queue(store, send)
    die(store, send, code=code)
    return send.id


def letters(store: Store) -> set[str]:
    return {one.id for one in dead_letters.iter_dead_letters(store, DeadLetterFilter())}


async def finish(web: Web, place: str) -> Any:
    """Return the job of an address once it is over."""
    async with asyncio.timeout(60):
        while not (job := (await web.api.get(f"{place}.json")).json())["is_over"]:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)
    return job


async def test_letters_are_grouped_by_cause_with_metas_advice(server: Server, store: Store) -> None:
    for nth in range(3):
        let_die(store, f"closed{nth}")
    let_die(store, "wrong", 100)
    async with a_web(server.url) as web:
        enter(web, store, "look")
        shown = (await web.api.get(f"{PAGE}.json?code=100")).json()
        html = (await web.api.get(PAGE)).text

    groups = shown["groups"]["data"]["groups"]
    assert [(one["cause"], one["code"], one["count"]) for one in groups] == [
        ("refused", 131047, 3),
        ("refused", 100, 1),
    ]
    assert groups[1]["advice"] == "Correct the parameter that Meta names."
    assert [one["code"] for one in shown["letters"]["data"]["data"]] == [100]
    assert "Redrive all that match" not in html


async def test_a_page_on_which_nothing_matches_leads_to_older_letters(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_routes, "MOST_EXAMINED", 2)
    for nth in range(3):
        let_die(store, f"s{nth}")
    async with a_web(server.url) as web:
        enter(web, store, "look")
        newest = (await web.api.get(f"{PAGE}?code=100")).text
        place = re.search(r'<a href="([^"]+)" rel="next">', newest)
        assert place
        oldest = (await web.api.get(f"{PAGE}{unescape(place[1])}")).text

    assert "an older one may match" in newest
    assert "None matches." in oldest


def test_who_wants_few_letters_reads_the_rows_of_few(store: Store) -> None:
    ids = [let_die(store, f"s{nth}") for nth in range(6)]
    store.redis.config_resetstat()

    newest = dead_letters.iter_dead_letters(store, DeadLetterFilter(), at_once=2)

    assert next(newest).id == ids[-1]
    assert store.redis.info("commandstats")["cmdstat_hgetall"]["calls"] == 2
    assert {one.id for one in newest} == set(ids[:-1])


@pytest.mark.parametrize("verb", ["redrive", "drop"])
async def test_an_act_does_what_its_preview_said(server: Server, store: Store, verb: str) -> None:
    ids = {let_die(store, f"s{nth}") for nth in range(4)}
    other = let_die(store, "other", 100)
    form = {"verb": verb, "cause": "refused", "code": "131047", "number": NUMBER}
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        preview = (await web.api.post(f"{PAGE}/preview", data=form)).text
        (until,) = re.findall(r'name="until_ms" value="(\d+)"', preview)
        later = let_die(store, "later")
        begun = await web.api.post(f"{PAGE}/act", data={**form, "until_ms": until})
        job = await finish(web, begun.headers["location"])

    assert f"This would {verb} <b>4</b> dead letters: refused 131047 4." in preview
    outcome = {"redrive": "redriven", "drop": "dropped"}[verb]
    assert (job["total"], job["outcomes"]) == (4, {outcome: 4})
    assert letters(store) == {other, later}
    assert ids.isdisjoint(letters(store))
    (entry,) = audit_log.read_entries(store, "", 9)
    assert (entry.what, entry.about) == (
        f"{verb} 4 dead letters",
        f"number {NUMBER}, cause refused, code 131047",
    )


async def test_one_letter_is_redriven_and_a_second_time_it_is_told_why_not(
    server: Server, store: Store
) -> None:
    id_ = let_die(store, "one")
    form = {"verb": "redrive", "id": id_}
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        done = await web.api.post(f"{PAGE}/act-on-one", data=form)
        again = await web.api.post(f"{PAGE}/act-on-one", data=form)

    assert done.status_code == 303
    assert again.status_code == 404
    assert "No dead letter has this id." in again.text
    assert letters(store) == set()


@pytest.mark.parametrize("role", ["look", "reply"])
@pytest.mark.parametrize("path", ["preview", "act", "act-on-one"])
async def test_only_an_operator_acts(server: Server, store: Store, role: str, path: str) -> None:
    id_ = let_die(store, "one")
    form = {"verb": "drop", "id": id_, "until_ms": "9999999999999"}
    async with a_web(server.url) as web:
        enter(web, store, role)
        refused = await web.api.post(f"{PAGE}/{path}", data=form)

    assert refused.status_code == 403
    assert letters(store) == {id_}


@pytest.mark.parametrize(
    "wrong",
    [
        {"verb": "burn"},
        {"cause": "bad luck"},
        {"code": "x"},
        {"code": "9" * 30},
        {"until_ms": "-1"},
        {"until_ms": "9" * 15},
    ],
    ids=str,
)
async def test_a_form_that_nobody_sent_from_the_page_is_refused(
    server: Server, store: Store, wrong: dict[str, str]
) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        answer = await web.api.post(f"{PAGE}/preview", data={"verb": "drop"} | wrong)

    assert answer.status_code == 422


async def test_a_job_stops_after_what_it_does_now(store: Store) -> None:
    runner, began = JobRunner(store), asyncio.Event()
    done: list[str] = []

    async def act(item: str) -> str:
        done.append(item)
        began.set()
        return "done"

    job = await runner.start("redrive", "ana", [str(nth) for nth in range(1_000)], act)
    await began.wait()
    ask_to_stop(store, job)
    async with asyncio.timeout(60):
        while not (progress := read_progress(store, job)) or not progress.is_over:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)

    assert 0 < progress.done_count == len(done) < 1_000
