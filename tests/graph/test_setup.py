"""The client of Meta's administration: what it asks, reads, and says of refusals."""

import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import (
    AppCallback,
    Callbacks,
    SubscribedApp,
    TemplateInfo,
    TokenInfo,
    app_callback,
    number_info,
    subscribed_app,
    token_info,
)
from tests.support.web.socket_servers import Serve, Talk, request_on

APP, SECRET, TOKEN = "100000000000003", "hush-secret-of-the-app", "EAAhushtoken"
WABA, NUMBER = "100000000000002", "100000000000001"


def reply(answer: Any, status: str = "200 OK") -> bytes:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def answering(answers: list[bytes], asked: list[str]) -> Talk:
    """Give the answers one after the other, and note what was asked."""

    def talk(connection: Any) -> None:
        while answers and (request := request_on(connection)):
            asked.append(request.decode())
            connection.sendall(answers.pop(0))

    return talk


@contextmanager
def a_setup(serve: Serve, *answers: bytes) -> Iterator[tuple[AdminClient, list[str]]]:
    asked: list[str] = []
    url = serve(answering(list(answers), asked))
    with AdminClient(url, "v25.0", app_id=APP, app_secret=SECRET, token=TOKEN, total_s=5) as setup:
        yield setup, asked


def error(code: int, message: str = "No", **more: Any) -> bytes:
    told = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Atrace"}
    return reply({"error": told | more}, "400 Bad Request")


def test_a_temporary_token_tells_when_it_ends(serve: Serve) -> None:
    data = {
        "app_id": APP,
        "type": "USER",
        "expires_at": 1_790_000_000,
        "is_valid": True,
        "scopes": ["whatsapp_business_management"],
        "granular_scopes": [{"scope": "whatsapp_business_management", "target_ids": [WABA]}],
    }
    with a_setup(serve, reply({"data": data})) as (setup, asked):
        info = setup.token_info()

    assert info == TokenInfo(
        valid=True,
        app_id=APP,
        type="USER",
        expires_at=datetime.fromtimestamp(1_790_000_000, UTC),
        scopes=("whatsapp_business_management",),
        targets={"whatsapp_business_management": (WABA,)},
    )
    assert not info.is_permanent
    assert info.missing_scopes("whatsapp_business_messaging") == ("whatsapp_business_messaging",)
    assert (info.may_manage(WABA), info.may_manage("7")) == (True, False)
    assert asked[0].startswith(f"GET /v25.0/debug_token?input_token={TOKEN} HTTP/1.1")
    assert f"Authorization: Bearer {APP}|{SECRET}" in asked[0]


def test_a_system_users_token_lasts(serve: Serve) -> None:
    data = {"type": "SYSTEM_USER", "expires_at": 0, "is_valid": True}
    with a_setup(serve, reply({"data": data})) as (setup, _):
        info = setup.token_info()

    assert info.is_permanent
    assert info.may_manage("any account, since no target is named")


def test_a_token_that_has_ended_is_told_and_no_error(serve: Serve) -> None:
    data = {"is_valid": False, "error": {"code": 190, "subcode": 463, "message": "x"}}
    with a_setup(serve, reply({"data": data})) as (setup, _):
        info = setup.token_info()

    assert (info.valid, info.code, info.subcode) == (False, 190, 463)


def test_templates_of_a_name_are_read_page_by_page(serve: Serve) -> None:
    row = {"name": "notice", "language": "en", "status": "APPROVED", "id": "1"}
    paging = {"cursors": {"after": "CUR"}, "next": "https://elsewhere.test/?access_token=x"}
    others = [row | {"name": "notice_2"}, row | {"language": "pt_BR", "status": 7}, "odd"]
    with a_setup(serve, reply({"data": [row], "paging": paging}), reply({"data": others})) as (
        setup,
        asked,
    ):
        found = setup.templates(WABA, "notice")

    assert found == (
        TemplateInfo("notice", "en", "APPROVED"),
        TemplateInfo("notice", "pt_BR", "7"),
    )
    assert asked[0].startswith(
        f"GET /v25.0/{WABA}/message_templates?name=notice&fields=name%2Clanguage%2Cstatus HTTP/1.1"
    )
    assert "name=notice&after=CUR&fields=" in asked[1]


def test_a_number_tells_its_state_and_its_callbacks(serve: Serve) -> None:
    node = {
        "id": NUMBER,
        "display_phone_number": "+1 555-010-0100",
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_250",
        "webhook_configuration": {"application": "https://a", "phone_number": "https://n"},
    }
    with a_setup(serve, reply(node)) as (setup, asked):
        number = setup.number(NUMBER)

    assert (number.display, number.throughput) == ("+1 555-010-0100", "STANDARD")
    assert (number.messaging_limit, number.status) == ("TIER_250", "")
    assert number.callbacks == Callbacks(number="https://n", app="https://a")
    assert number.callbacks.effective == "https://n"
    assert f"Authorization: Bearer {TOKEN}" in asked[0]


def test_a_field_that_this_version_has_not_is_left_out(serve: Serve) -> None:
    unknown = (
        "(#100) Tried accessing nonexisting field (whatsapp_business_manager_messaging_limit) on "
        "node type (WhatsAppBusinessPhoneNumber)"
    )
    with a_setup(serve, error(100, unknown), reply({"id": NUMBER})) as (setup, asked):
        assert setup.number(NUMBER).id == NUMBER

    assert "whatsapp_business_manager_messaging_limit" in asked[0]
    assert "whatsapp_business_manager_messaging_limit" not in asked[1]


def test_a_field_that_was_not_asked_for_is_no_reason_to_ask_again(serve: Serve) -> None:
    with (
        a_setup(serve, error(100, "nonexisting field (other)"), reply({})) as (setup, asked),
        pytest.raises(SetupError),
    ):
        setup.number(NUMBER)

    assert len(asked) == 1


def test_numbers_come_page_by_page(serve: Serve) -> None:
    paging = {"cursors": {"after": "CUR"}, "next": "https://elsewhere.test/?access_token=x"}
    pages = [{"data": [{"id": "1"}], "paging": paging}, {"data": [{"id": "2"}]}]
    with a_setup(serve, *map(reply, pages)) as (setup, asked):
        assert [number.id for number in setup.numbers(WABA)] == ["1", "2"]

    assert "after=CUR" in asked[1]


def test_an_account_tells_who_gets_its_webhooks(serve: Serve) -> None:
    app = {"id": APP, "name": "Ours", "link": "https://x"}
    rows = [{"whatsapp_business_api_data": app, "override_callback_uri": "https://o"}, "odd"]
    with a_setup(serve, reply({"data": rows})) as (setup, _):
        assert setup.subscribed_apps(WABA) == (SubscribedApp(APP, "Ours", "https://o"),)


def test_an_app_tells_its_callbacks(serve: Serve) -> None:
    row = {
        "object": "whatsapp_business_account",
        "callback_url": "https://a",
        "active": True,
        "fields": [{"name": "messages", "version": "v25.0"}, "calls"],
    }
    with a_setup(serve, reply({"data": [row]})) as (setup, _):
        found = setup.callbacks()

    assert found == (
        AppCallback("whatsapp_business_account", "https://a", True, ("messages", "calls")),
    )


def test_an_override_is_set_with_its_token_and_cleared_with_nothing(serve: Serve) -> None:
    done = reply({"success": True})
    with a_setup(serve, done, done) as (setup, asked):
        setup.set_override(NUMBER, "https://n/webhook", "word")
        setup.clear_override(NUMBER)

    bodies = [json.loads(one.partition("\r\n\r\n")[2]) for one in asked]
    assert asked[0].startswith(f"POST /v25.0/{NUMBER} HTTP/1.1")
    assert [body["webhook_configuration"] for body in bodies] == [
        {"override_callback_uri": "https://n/webhook", "verify_token": "word"},
        {"override_callback_uri": ""},
    ]


def test_what_is_not_said_to_be_done_is_an_error(serve: Serve) -> None:
    with (
        a_setup(serve, reply({"success": False})) as (setup, _),
        pytest.raises(SetupError, match="did not say that it is done"),
    ):
        setup.subscribe(WABA)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (error(190, error_subcode=463), "The access token has expired."),
        (error(190, error_subcode=467), "The token was revoked"),
        (error(190, error_subcode=460), "The token ended when its owner changed"),
        (error(190), "The access token is not valid"),
        (error(100, error_subcode=33), "Meta knows no such id, or the token may not see it"),
        (error(803), "Meta knows no such id"),
        (error(200), "The token lacks a permission"),
        (error(10), "The token lacks a permission"),
        (error(4), "Meta limits how often"),
        (error(2), "Meta's service is down for the moment"),
        (error(100, "(#100) Before override the current callback uri, your app must be subscribed "
                    "to receive messages"), "Meta sets another callback only for an app that has"),
        (error(100, "API calls from the server require an appsecret_proof argument"),
         "The app asks for a proof with each call"),
        (error(100, "Invalid appsecret_proof provided in the API argument"),
         "The proof of the app secret is wrong"),
        (error(2200, "(#2200) Callback verification failed with the following errors: "
                     "HTTP Status Code = 403"), "did not get it: .*HTTP Status Code = 403"),
        (error(999, "Something new"), "Meta refuses this with code 999: Something new"),
        (error(999, 7), "Meta refuses this with code 999: it gives no reason"),  # type: ignore[arg-type]
        (reply({"error": {}}, "500 Oops"), "Meta refuses this with code 0"),
        (reply({"odd": 1}, "500 Oops"), "Meta answered with HTTP 500 and no reason"),
    ],
)  # fmt: skip
def test_each_refusal_is_a_sentence_that_says_what_to_do(
    serve: Serve, answer: bytes, sentence: str
) -> None:
    with a_setup(serve, answer) as (setup, _), pytest.raises(SetupError, match=sentence):
        setup.subscribed_apps(WABA)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("Invalid OAuth access token signature.", "The app secret does not belong to the app id"),
        ("Error validating application. Invalid application ID.", "Meta knows no app with this id"),
    ],
)
def test_an_app_that_is_not_believed_is_not_told_of_its_token(
    serve: Serve, message: str, sentence: str
) -> None:
    with a_setup(serve, error(190, message)) as (setup, _), pytest.raises(SetupError) as raised:
        setup.app()

    assert raised.value.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("answer", "about", "passing"),
    [
        (error(190, error_subcode=463), "token", False),
        (error(200), "token", False),
        (error(100, error_subcode=33), "id", False),
        (error(999), "", False),
        (error(4), "", True),
        (error(2), "", True),
        (reply(b"<html>"), "", True),
    ],
)
def test_an_error_says_what_has_to_be_another_or_that_it_passes(
    serve: Serve, answer: bytes, about: str, passing: bool
) -> None:
    with a_setup(serve, answer) as (setup, _), pytest.raises(SetupError) as raised:
        setup.number(NUMBER)

    assert (raised.value.about, raised.value.is_transient) == (about, passing)


def test_a_token_that_no_header_can_carry_is_told_and_never_leaves() -> None:
    with (
        AdminClient("http://127.0.0.1:1", "v25.0", token="EAA hush") as setup,
        pytest.raises(SetupError, match="The access token holds") as raised,
    ):
        setup.number(NUMBER)

    assert (raised.value.about, raised.value.is_transient) == ("token", False)
    assert "hush" not in str(raised.value)


def test_an_error_carries_what_metas_support_asks_for(serve: Serve) -> None:
    refusal = error(190, error_subcode=463)
    with a_setup(serve, refusal) as (setup, _), pytest.raises(SetupError) as raised:
        setup.number(NUMBER)

    assert (raised.value.code, raised.value.subcode, raised.value.status) == (190, 463, 400)
    assert raised.value.reference == "code 190, subcode 463, fbtrace_id Atrace"


@pytest.mark.parametrize(
    "secret", [TOKEN, SECRET, f"{APP}|{SECRET}", "verify word", "EAA" + "x" * 40]
)
def test_an_error_holds_no_secret_that_meta_quotes(serve: Serve, secret: str) -> None:
    refusal = error(999, f"Malformed access token {secret}", fbtrace_id=secret * 9)
    with a_setup(serve, refusal) as (setup, _), pytest.raises(SetupError) as raised:
        setup.set_override(NUMBER, "https://n", "verify word")

    assert secret not in str(raised.value) + raised.value.reference + repr(raised.value)


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [1], {"level": 1}, True])
def test_facts_of_an_unexpected_kind_are_not_told(odd: Any) -> None:
    names = ("display_phone_number", "throughput", "webhook_configuration", "status")
    number = number_info(dict.fromkeys(names, odd) | {"id": NUMBER})

    assert number.id == NUMBER
    assert number.callbacks.effective == ""


@pytest.mark.parametrize("odd", [None, 7, -1, 10**30, 1.5, "x", [], {}, [1], [[]], True])
def test_no_answer_of_meta_is_too_odd_to_be_read(odd: Any) -> None:
    names = ("app_id", "type", "expires_at", "scopes", "granular_scopes", "error", "is_valid")
    token = token_info(dict.fromkeys(names, odd))
    callback = app_callback(dict.fromkeys(("object", "callback_url", "fields", "active"), odd))
    app = subscribed_app(
        dict.fromkeys(("whatsapp_business_api_data", "override_callback_uri"), odd)
    )

    assert token.valid is callback.active is (odd is True)
    assert app.name == ""


def test_an_apps_callback_is_taken_away_for_whatsapp_only(serve: Serve) -> None:
    with a_setup(serve, reply({"success": True})) as (setup, asked):
        setup.clear_callback()

    path = f"/v25.0/{APP}/subscriptions?object=whatsapp_business_account"
    assert asked[0].startswith(f"DELETE {path} HTTP/1.1")
    assert f"Authorization: Bearer {APP}|{SECRET}" in asked[0]


@pytest.mark.parametrize("proof_secret", [b"", SECRET.encode()])
def test_a_proof_goes_with_the_token_where_the_app_asks_for_one(
    serve: Serve, proof_secret: bytes
) -> None:
    asked: list[str] = []
    url = serve(answering([reply({"id": "1"}), reply({"id": APP, "name": "a"})], asked))
    given: Any = {"app_id": APP, "app_secret": SECRET, "token": TOKEN, "total_s": 5}

    with AdminClient(url, "v25.0", proof_secret=proof_secret, **given) as setup:
        setup.number("1")
        setup.app()

    proof = hmac.digest(SECRET.encode(), TOKEN.encode(), "sha256").hex()
    assert [f"appsecret_proof={proof}" in one for one in asked] == [bool(proof_secret), False]
