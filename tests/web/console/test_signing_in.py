"""Signing in to the console: who gets in, for how long, and what nobody may send for a user."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.console.audit import AuditEntry
from gateway.core.console.sign_ins import (
    FREE_TRIES_OF_ADDRESS,
    FREE_TRIES_OF_NAME,
    SignIn,
    hash_token,
)
from gateway.store.console import audit_log, sign_ins, users
from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.support.web.console_client import SAME_ORIGIN, enter, know_user, sign_in
from tests.support.web.web_app import a_web, nowhere

pytestmark = [pytest.mark.store, pytest.mark.anyio]
OVERVIEW = "/console/overview"


async def test_a_user_signs_in_sees_a_page_and_signs_out(server: Server, store: Store) -> None:
    know_user(store, "look")
    async with a_web(server.url) as web:
        signed_in = await sign_in(web, "look", next=f"{OVERVIEW}?x=1")
        shown = await web.api.get(OVERVIEW)
        signed_out = await web.api.post("/console/sign-out", data={})
        after = await web.api.get(OVERVIEW)

    assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"{OVERVIEW}?x=1")
    cookie = signed_in.headers["set-cookie"].lower()
    assert cookie.startswith("gateway-console=")
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/console"))
    assert shown.status_code == 200
    assert "default-src 'none'; script-src 'self'" in shown.headers["content-security-policy"]
    assert signed_out.status_code == 303
    assert (after.status_code, after.headers["location"]) == (
        303,
        "/console/sign-in?next=/console/overview",
    )
    assert [one.what for one in audit_log.read_entries(store, "", 9)] == ["sign out", "sign in"]


async def test_over_https_no_other_host_can_set_the_cookie(server: Server, store: Store) -> None:
    know_user(store, "look")
    there = {"host": "console.example", "origin": "https://console.example"}
    async with a_web(server.url) as web:
        signed_in = await sign_in(web, "look", **there)

    cookie = signed_in.headers["set-cookie"].lower()
    assert cookie.startswith("__host-gateway-console=")
    assert all(part in cookie for part in ("; secure", "httponly", "samesite=lax", "path=/;"))
    assert "domain" not in cookie


async def test_nobody_signs_in_where_others_can_read_along(server: Server, store: Store) -> None:
    know_user(store, "look")
    there = {"host": "console.example", "origin": "http://console.example"}
    async with a_web(server.url) as web:
        refused = await sign_in(web, "look", **there)

    assert refused.status_code == 403
    assert "https" in refused.text
    assert sign_ins.read_sign_ins(store, datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("name", "password"), [("look", "a wrong password"), ("nobody", "a long enough password")]
)
async def test_a_wrong_name_and_a_wrong_password_look_alike(
    server: Server, store: Store, name: str, password: str
) -> None:
    know_user(store, "look")
    async with a_web(server.url) as web:
        refused = await sign_in(web, name, password)

    assert refused.status_code == 401
    assert "The name or the password is wrong." in refused.text
    assert "set-cookie" not in refused.headers


async def test_after_some_wrong_passwords_the_right_one_waits_too(
    server: Server, store: Store
) -> None:
    know_user(store, "look")
    free = [sign_ins.take_try(store, "look", f"10.0.0.{nth}") for nth in range(FREE_TRIES_OF_NAME)]
    must_wait = store.redis.hexists(_tries_of(store), "next")
    store.run(lambda client: client.hset(_tries_of(store), "next", 9_999_999_999_999))
    async with a_web(server.url) as web:
        slowed = await sign_in(web, "look")

    assert free == [0] * FREE_TRIES_OF_NAME
    assert must_wait
    assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "60")
    assert "Try again in 60 s." in slowed.text


def _tries_of(store: Store, what: str = "name") -> str:
    """Return the key of the tries of the only name, or of the only address."""
    keys: Any = store.redis.keys(f"gw:{{console}}tries:{what}:*")
    return str(keys[0].decode())


async def test_many_wrong_passwords_from_one_address_make_every_name_wait(store: Store) -> None:
    free = [
        sign_ins.take_try(store, f"name{nth}", "10.0.0.1") for nth in range(FREE_TRIES_OF_ADDRESS)
    ]
    key = _tries_of(store, "address")
    must_wait = store.redis.hexists(key, "next")
    store.redis.hset(key, "next", 9_999_999_999_999)

    assert free == [0] * FREE_TRIES_OF_ADDRESS
    assert must_wait
    assert sign_ins.take_try(store, "another", "10.0.0.1") > 0


async def test_who_signs_in_gives_back_one_try_of_the_address_and_no_more(store: Store) -> None:
    wrong = FREE_TRIES_OF_ADDRESS - 2
    for nth in range(wrong):
        assert sign_ins.take_try(store, "mine", "10.0.0.1") == 0
        sign_ins.count_success(store, "mine", "10.0.0.1")
        assert sign_ins.take_try(store, f"name{nth}", "10.0.0.1") == 0

    assert store.redis.hget(_tries_of(store, "address"), "count") == str(wrong).encode()


async def test_who_signs_in_forgets_their_own_wrong_tries(store: Store) -> None:
    for nth in range(FREE_TRIES_OF_NAME):
        sign_ins.take_try(store, "ana", f"10.0.0.{nth}")
    sign_ins.count_success(store, "ana", "10.0.0.9")

    assert sign_ins.take_try(store, "ana", "10.0.0.10") == 0
    assert all(store.redis.ttl(key) > 0 for key in store.redis.keys("gw:{console}tries:*"))


@pytest.mark.parametrize(
    "changed",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://["},
    ],
    ids=str,
)
async def test_a_page_of_another_site_posts_nothing(
    server: Server, store: Store, changed: dict[str, str]
) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "look")
        refused = await web.api.post("/console/sign-out", data={}, headers=changed)
        shown = await web.api.get(OVERVIEW)

    assert (refused.status_code, shown.status_code) == (403, 200)


async def test_a_sign_in_ends_when_its_time_is_over(server: Server, store: Store) -> None:
    user, now = know_user(store, "look"), datetime.now(UTC)
    old = SignIn(hash_token("t"), user.name, user.id, now - timedelta(hours=13), now)
    sign_ins.add_sign_in(store, old)
    async with a_web(server.url) as web:
        expired = await web.api.get(
            "/console/overview.json", headers={**SAME_ORIGIN, "cookie": "gateway-console=t"}
        )

    assert expired.status_code == 401


@pytest.mark.parametrize("how", ["removed", "replaced", "ended"])
async def test_a_sign_in_can_be_revoked(server: Server, store: Store, how: str) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "look")
        before = await web.api.get("/console/overview.json")
        if how == "removed":
            users.remove_user(store, "look")
        elif how == "replaced":
            store.run(lambda client: client.hdel(users.USERS, "look"))
            know_user(store, "look", "look2")
        else:
            now = datetime.now(UTC)
            sign_ins.end_sign_ins(store, [one.digest for one in sign_ins.read_sign_ins(store, now)])
        after = await web.api.get("/console/overview.json")

    assert (before.status_code, after.status_code) == (200, 401)


@pytest.mark.parametrize(
    "token", ["", "forged", "\N{LATIN SMALL LETTER E WITH ACUTE}", "x" * 9_000]
)
async def test_a_forged_cookie_opens_nothing(server: Server, store: Store, token: str) -> None:
    know_user(store, "look")
    cookie = f"gateway-console={token}".encode("latin-1")
    async with a_web(server.url) as web:
        headers: list[Any] = [(b"host", b"127.0.0.1:8001"), (b"cookie", cookie)]
        refused = await web.api.get("/console/overview.json", headers=headers)

    assert refused.status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/console/\\evil.example",
        "/v1/messages",
        "/console/\r\nx:1",
    ],
)
async def test_signing_in_leads_to_no_other_site(server: Server, store: Store, wanted: str) -> None:
    know_user(store, "look")
    async with a_web(server.url) as web:
        signed_in = await sign_in(web, "look", next=wanted)

    assert signed_in.headers["location"] == "/console/"


async def test_a_role_sees_only_its_own_pages(server: Server, store: Store) -> None:
    audit_log.note_action(store, AuditEntry("ana", "sign in"))
    async with a_web(server.url) as web:
        enter(web, store, "look")
        refused = await web.api.get("/console/audit.json")
        offered = (await web.api.get(OVERVIEW)).text
        enter(web, store, "admin")
        shown = await web.api.get("/console/audit.json")

    assert (refused.status_code, refused.json()["title"]) == (403, "Your role may not do this.")
    assert "/console/audit" not in offered
    assert [one["user"] for one in shown.json()["entries"]] == ["ana"]


async def test_a_store_that_is_away_shows_a_page_that_says_so(store: Store) -> None:
    async with a_web(nowhere()) as web:
        away = await web.api.get(OVERVIEW, headers={"cookie": "gateway-console=t", **SAME_ORIGIN})

        posted = await web.api.post(
            "/console/sign-in",
            data={"name": "ana", "password": "any"},
            headers=SAME_ORIGIN,
        )

    assert (away.status_code, posted.status_code) == (503, 503)
    assert "The store does not answer." in away.text
    assert '<meta http-equiv="refresh"' in away.text
    assert '<meta http-equiv="refresh"' not in posted.text


async def test_the_address_that_is_printed_leads_to_the_console(
    server: Server, store: Store
) -> None:
    async with a_web(server.url) as web:
        led = [await web.api.get(path) for path in ("/console", "/console/")]

    assert [(one.status_code, one.headers["location"]) for one in led] == [(303, OVERVIEW)] * 2
