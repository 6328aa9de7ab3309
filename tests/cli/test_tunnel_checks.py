"""What stands between Meta and the gateway is told in one sentence, with what to change."""

import pytest

from gateway.cli.common.callback_probe import (
    ProbeAnswer,
    ProbeCheck,
    check_delivery,
    check_handshake,
    check_health,
    is_free_ngrok,
    parse_public_address,
)

META = "https://graph.facebook.com"
HTML = {"content-type": "text/html; charset=utf-8"}
ADDRESSES = {
    "https://my.tunnel.dev": "https://my.tunnel.dev",
    "https://my.tunnel.dev/": "https://my.tunnel.dev",
    " https://my.tunnel.dev/webhook ": "https://my.tunnel.dev",
    "https://my.tunnel.dev:8443": "https://my.tunnel.dev:8443",
    "HTTPS://My.Tunnel.dev:443/webhook": "https://my.tunnel.dev",
    "http://my.tunnel.dev": None,
    "https://my.tunnel.dev/other": None,
    "https://my.tunnel.dev/?a=b": None,
    "https://user:secret@my.tunnel.dev": None,
    "https://my.tunnel.dev:99999": None,
    "https://": None,
    "https://[::1": None,
    "my.tunnel.dev": None,
    "ftp://my.tunnel.dev": None,
    "https://localhost": None,
    "https://machine": None,
    "https://box.local": None,
    "https://10.0.0.7": None,
    "https://127.0.0.1": None,
    f"https://{'a' * 180}.tunnel.dev": None,
}


@pytest.mark.parametrize(("written", "expected"), ADDRESSES.items(), ids=ADDRESSES)
def test_an_address_is_one_that_meta_could_post_to(written: str, expected: str | None) -> None:
    assert parse_public_address(written, META) == expected


@pytest.mark.parametrize("written", ["http://127.0.0.1:8000", "http://localhost:8000"])
def test_this_machine_is_an_address_where_meta_is_on_it_too(written: str) -> None:
    assert parse_public_address(written, "http://127.0.0.1:8081") == written


PLANS = {
    "https://a.ngrok-free.app": True,
    "https://a.ngrok-free.dev": True,
    "https://a.ngrok.app": False,
    "https://ngrok-free.app.other.dev": False,
    "https://a.trycloudflare.com": False,
}


@pytest.mark.parametrize(("url", "is_free"), PLANS.items(), ids=PLANS)
def test_an_address_of_ngroks_free_plan_is_known(url: str, is_free: bool) -> None:
    assert is_free_ngrok(url) is is_free


INSTEAD: dict[str, tuple[ProbeAnswer, str, bool]] = {
    "nobody": (ProbeAnswer(kind="ConnectError"), "nothing answers there (ConnectError)", True),
    "a login page": (ProbeAnswer(200, body=b"<html>", headers=HTML), "a page for people", False),
    "a page that says ok": (ProbeAnswer(200, body=b"ok", headers=HTML), "a page for people", False),
    "a login elsewhere": (
        ProbeAnswer(302, headers={"location": "https://login.test/a?token=s"}),
        "sends on to login.test, and",
        False,
    ),
    "a redirect to nonsense": (
        ProbeAnswer(301, headers={"location": "http://[x"}),
        "another host",
        False,
    ),
    "a door": (
        ProbeAnswer(401, headers={"www-authenticate": "Basic"}, body=b"x"),
        "for a login",
        False,
    ),
    "a refusal with a page": (
        ProbeAnswer(403, body=b"no", headers=HTML),
        "asks for a login",
        False,
    ),
    "a warning of ngrok": (
        ProbeAnswer(200, body=b"... ERR_NGROK_6024 ...", headers=HTML),
        "ngrok's warning page",
        False,
    ),
    "a tunnel that is off": (
        ProbeAnswer(404, headers=HTML | {"ngrok-error-code": "ERR_NGROK_3200"}),
        "ngrok itself answers, with ERR_NGROK_3200",
        True,
    ),
    "an odd header": (
        ProbeAnswer(404, headers={"ngrok-error-code": "\x1b[31m"}),
        "other than",
        False,
    ),
    "a tunnel to nothing": (ProbeAnswer(502), "does not reach the gateway (HTTP 502)", True),
    "a tunnel of Cloudflare to nothing": (ProbeAnswer(530), "does not reach the gateway", True),
    "another server": (
        ProbeAnswer(404, body=b"not found"),
        "something other than the gateway",
        False,
    ),
    "another text": (ProbeAnswer(200, body=b"hello"), "something other than the gateway", False),
}


@pytest.mark.parametrize(("seen", "told", "passing"), INSTEAD.values(), ids=INSTEAD)
def test_what_answers_instead_of_the_gateway_is_told(
    seen: ProbeAnswer, told: str, passing: bool
) -> None:
    for check in (check_health(seen), check_handshake(seen, "challenge")):
        assert (check.tone, check.passing) == ("bad", passing)
        assert told in check.reason
        assert check.advice


GOOD: dict[str, ProbeCheck] = {
    "alive": check_health(ProbeAnswer(200, body=b"ok", headers={"content-type": "text/plain"})),
    "handshake": check_handshake(ProbeAnswer(200, body=b"abc"), "abc"),
    "posted": check_delivery(ProbeAnswer(200)),
}


@pytest.mark.parametrize("check", GOOD.values(), ids=GOOD)
def test_what_the_gateway_answers_is_good(check: ProbeCheck) -> None:
    assert (check.tone, check.advice) == ("good", "")


def test_another_verify_token_is_told() -> None:
    assert "another META_VERIFY_TOKEN" in check_handshake(ProbeAnswer(403), "abc").reason


REFUSED = {
    "another secret": (ProbeAnswer(401), "another META_APP_SECRET", False),
    "a store that is full": (ProbeAnswer(503), "cannot keep a delivery now", True),
    "a login page": (ProbeAnswer(302, headers={"location": "/login"}), "another page", False),
    "a tunnel to nothing": (ProbeAnswer(503, body=b"x"), "does not reach the gateway", True),
}


@pytest.mark.parametrize(("seen", "told", "passing"), REFUSED.values(), ids=REFUSED)
def test_a_self_test_that_was_not_kept_is_told(seen: ProbeAnswer, told: str, passing: bool) -> None:
    check = check_delivery(seen)

    assert (check.tone, check.passing) == ("bad", passing)
    assert told in check.reason
