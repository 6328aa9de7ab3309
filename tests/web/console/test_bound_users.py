"""A user who is bound to an account: of another one there is no page, no stream and no action."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from gateway.accounts.loader import load_accounts
from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.console.users import ConsoleUser
from gateway.store import keys
from gateway.store.console import audit_log
from gateway.store.redis.client import Store
from gateway.web.console.console import Console
from gateway.web.console.live import LiveReader
from gateway.web.console.page import PageError
from gateway.web.console.page_table import ACTIONS, PAGES, TOPICS
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.web.clinic_world import MARKS, OWN_NUMBER, WAMID, Clinic
from tests.support.web.console_client import enter, know_user
from tests.support.web.web_app import Web, a_web, settings

pytestmark = [pytest.mark.store, pytest.mark.anyio]


def forms(clinic: Clinic, tmp_path: Path) -> Mapping[str, Mapping[str, str]]:
    """Return what each action is given; those that need nothing are left out."""
    one = "/conversations/{number}/{handle}"
    return {
        "/search": {"q": WAMID},
        "/messages/{id:path}/reveal": {"reason": "to see it"},
        f"{one}/reveal": {"reason": "to see it"},
        f"{one}/reply": {"text": "hi", "nonce": "nonce-nonce"},
        f"{one}/take-over": {"for": "1 h"},
        f"{one}/mute": {"for": "1 h"},
        "/dead-letters/preview": {"verb": "drop"},
        "/dead-letters/act": {"verb": "drop", "until_ms": "9999999999999"},
        "/dead-letters/act-on-one": {"verb": "drop", "id": clinic.letter},
        "/campaigns": {
            "name": "autumn", "template": "clinic_sent", "language": "en_US",
            "params": "{{ first }}", "pace": "100/m", "from": NUMBER,
        },
        "/campaigns/{id}/tagged": {"tag": "vip"},
        "/campaigns/{id}/test": {"to": "+351912345678", "nonce": "nonce-nonce"},
        "/campaigns/{id}/control": {"verb": "cancel"},
        "/campaigns/{id}/retry": {"scope": "expired"},
        "/templates/fetch": {"from": NUMBER},
        "/rules": {"text": "hi", "path": str(tmp_path / "clinic")},
        "/forwards/{receiver}/control": {"verb": "pause"},
        "/forwards/test": {"receiver": "clinic-crm"},
        "/forwards/replay": {"receiver": "clinic-crm", "since": "2026-01-01T00:00:00Z"},
        "/numbers/{number}/hold": {"why": "no"},
    }  # fmt: skip


async def act(web: Web, clinic: Clinic, path: str, given: Mapping[str, str]) -> httpx.Response:
    if path.endswith("/audience"):
        headers = {"content-type": "text/csv"}
        return await web.api.post(
            clinic.place(path), content=b"phone,first\n+351900000001,A", headers=headers
        )
    return await web.api.post(clinic.place(path), data={"now": "1", **given})


def snapshot(store: Store) -> Mapping[Any, Any]:
    """Return all that is stored of the clinic's number, and of campaigns."""
    return {
        name: store.redis.dump(name)
        for prefix in (keys.number(NUMBER), keys.CAMPAIGNS)
        for name in store.redis.scan_iter(f"{prefix.replace('{', '?')}*")
    }


async def test_no_page_shows_anything_of_another_account(
    server: Server, store: Store, clinic: Clinic
) -> None:
    seen = {}
    async with a_web(server.url, lambda: None, **clinic.env) as web:
        for name, accounts in (("everything", ()), ("bound", ("shop",))):
            enter(web, store, "admin", name, accounts)
            for page in PAGES:
                own = f"?from={NUMBER}" if page.path == "/templates" and not accounts else ""
                address = clinic.place(page.path)
                for form in (".json", ""):
                    answer = await web.api.get(f"{address}{form}{own}")
                    marks = [one for one in MARKS if one in answer.text]
                    seen[name, page.path, form] = (answer.status_code, bool(marks))
        others = [
            await web.api.get(address)
            for address in (
                f"/console/messages/{clinic.record}",
                f"/console/messages/{clinic.send}",
                f"/console/templates?from={NUMBER}",
                f"/console/templates/clinic_sent/en_US?from={NUMBER}",
            )
        ]

    for page in PAGES:
        for form in (".json", ""):
            is_of_clinic = "{" in page.path
            needs_number = page.path == "/templates/{name}/{language}"
            assert needs_number or seen["everything", page.path, form] == (200, True), page.path
            wanted = (404, False) if is_of_clinic else (200, False)
            assert seen["bound", page.path, form] == wanted, (page.path, form)
    assert [one.status_code for one in others] == [404] * 4


async def test_no_action_of_another_account_has_an_effect(
    server: Server, store: Store, clinic: Clinic, tmp_path: Path
) -> None:
    given, statuses = forms(clinic, tmp_path), {}
    async with a_web(server.url, lambda: None, **clinic.env) as web:
        enter(web, store, "admin", "bound", ("shop",))
        before = snapshot(store)
        for action in ACTIONS:
            answer = await act(web, clinic, action.path, given.get(action.path, {}))
            statuses[action.path] = answer.status_code
            assert not any(mark in answer.text for mark in MARKS), action.path
        after = snapshot(store)
        enter(web, store, "admin", "everything")
        allowed = {
            one.path: (await act(web, clinic, one.path, given.get(one.path, {}))).status_code
            for one in ACTIONS
        }

    assert len(before) > 10
    assert after == before
    odd = {"/dead-letters/preview": 200, "/dead-letters/act": 409, "/rules": 422}
    assert statuses == {one.path: odd.get(one.path, 404) for one in ACTIONS}
    # Each of these is right for somebody else, but for the list that Meta would be asked for, the
    # receiver whose secret is not set, and a campaign without recipients.
    assert {path for path, status in allowed.items() if status >= 400} <= {
        "/templates/fetch",
        "/dead-letters/act-on-one",
        "/campaigns/{id}/test",
        "/campaigns/{id}/retry",
        "/forwards/test",
    }


@contextmanager
def a_console(url: str, env: dict[str, str]) -> Iterator[Console]:
    given = settings(url, **env)
    accounts = load_accounts(given)
    console = Console.build(given, lambda: accounts)
    try:
        yield console
    finally:
        console.live.end()
        console.desk.close()


async def test_no_stream_tells_anything_of_another_account(
    server: Server, store: Store, clinic: Clinic
) -> None:
    rests = {"conversation": f"{NUMBER}/{clinic.handle}", "campaign": clinic.campaign}
    users = [know_user(store, "admin", "boss"), know_user(store, "admin", "bound", ("shop",))]
    with a_console(server.url, clinic.env) as console:
        for name, topic in TOPICS.items():
            boss, bound = (
                LiveReader(console.desk, user, "digest", rests.get(name, "")) for user in users
            )
            assert await topic.read(boss)
            if name in rests:
                with pytest.raises(PageError, match=r"Nothing is known|no such"):
                    await topic.read(bound)
            else:
                shown = await topic.read(bound)
                assert not any(mark in shown for mark in MARKS)


async def test_users_who_see_different_things_share_no_stream(
    server: Server, store: Store, clinic: Clinic
) -> None:
    users = [know_user(store, "look", "boss"), know_user(store, "look", "bound", ("shop",))]
    with a_console(server.url, clinic.env) as console:
        boss, bound = [await open_stream(console, user) for user in users]
        first, second = (await anext(boss)).data, (await anext(bound)).data
        await boss.aclose()
        await bound.aclose()

    assert NUMBER in first
    assert NUMBER not in second
    assert OWN_NUMBER in second


async def open_stream(console: Console, user: ConsoleUser) -> Any:
    scope = {"type": "http", "method": "GET", "query_string": b"topics=overview", "headers": []}
    response: Any = await console.live.stream(Request(scope), user, "digest")
    return response.body_iterator


async def test_the_audit_log_has_what_concerns_ones_own_account(
    server: Server, store: Store, clinic: Clinic
) -> None:
    entries = [
        AuditEntry("ann", "hold", "ours", accounts=("shop",)),
        AuditEntry("ben", "hold", "theirs", accounts=("clinic",)),
        AuditEntry("cleo", "hold", "both", accounts=("clinic", "shop")),
        AuditEntry("boss", "reveal", "our chat", AuditSubject(OWN_NUMBER, ANA, "she asked")),
        *(AuditEntry("boss", "hold", "everything") for _ in range(1_200)),
    ]
    for one in entries:
        audit_log.note_action(store, one)
    async with a_web(server.url, lambda: None, **clinic.env) as web:
        enter(web, store, "admin", "bound", ("shop",))
        await web.api.post("/console/numbers/1001/hold", data={"why": "rest"})
        shown = (await web.api.get("/console/audit.json")).json()["entries"]

    assert [(one["user"], one["about"]) for one in shown] == [
        ("bound", "number 1001"),
        ("boss", "our chat"),
        ("ann", "ours"),
    ]


def test_a_release_that_knows_no_accounts_lets_a_bound_user_do_nothing() -> None:
    user = ConsoleUser("1", "ana", "admin", "hash", datetime.now(UTC), ("shop",))
    row = user.pack()

    assert b'"role"' not in row
    assert ConsoleUser.unpack("ana", row).accounts == ("shop",)
    assert ConsoleUser.unpack("ana", row).role == "admin"
    with pytest.raises(KeyError):
        ConsoleUser.unpack("ana", row.replace(b'"accounts"', b'"unknown"'))
