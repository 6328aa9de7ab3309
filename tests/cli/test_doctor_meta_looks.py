"""What Meta is asked, held against the sandbox's administration and a real callback."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cli.setup.doctor import meta_probes
from gateway.cli.setup.doctor.findings import Unseen
from gateway.cli.setup.doctor.meta_answers import NO_ACCOUNT, NO_APP, Handshake, MetaAnswers
from gateway.cli.setup.doctor.probes import run_looks
from gateway.config.settings import Settings
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import AppInfo, NumberInfo, SubscribedApp, TemplateInfo, TokenInfo
from gateway.rules.matching.action import NamedTemplate
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.stack import Stack

pytestmark = pytest.mark.store

APP, WABA, SECRET, WORD = "100000000000003", "102290129340398", "0123456789abcdef", "the-word"


# An app that demands a proof of its secret with each call.
DEMANDING: dict[str, Any] = {
    "app_id": "502",
    "app_secret": "another-secret",
    "access_token": "EAAanother",
    "webhook_url": "http://127.0.0.1:1/webhook",
    "waba_id": "5020",
    "numbers": [{"id": "2001", "display": "15550002001"}],
    "require_proof": True,
}


class _Callback(BaseHTTPRequestHandler):
    """Answers a handshake whose word is right as we do, and shows a page at any other path."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        known = asked["hub.verify_token"] == WORD
        said = asked["hub.challenge"] if parts.path == "/webhook" else "<html>Log in"
        self.send_response(200 if known else 403)
        self.send_header("Content-Type", "text/html" if said[0] == "<" else "text/plain")
        self.end_headers()
        self.wfile.write(said.encode() if known else b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def callback() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Callback)
    Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Stack]:
    made = Stack(Path(tmp_path_factory.mktemp("sandbox")), server)
    given = {"app_id": APP, "waba_id": WABA, "app_secret": SECRET, "more_apps": [DEMANDING]}
    yield made.start("sandbox", sandbox=given)
    made.stop()


@pytest.fixture
def account(sandbox: Stack) -> Iterator[Any]:
    """Give how the account is changed; afterwards it is whole again."""

    def change(what: str, **wish: Any) -> None:
        answer = sandbox.client.post(f"{sandbox.meta_url}/sandbox/{what}", json=wish)
        assert answer.status_code == 200, answer.text

    yield change
    change("account", subscribed=True, fields=["messages"], other_apps={})
    change("token", revoked=False)


def asked(sandbox: Stack, **more: str) -> MetaAnswers:
    return asked_with(settings(sandbox, **more))


def settings(sandbox: Stack, **more: str) -> Settings:
    env = {
        **sandbox.env, "META_APP_ID": APP, "META_WABA_ID": WABA, "META_APP_SECRET": SECRET,
        "META_VERIFY_TOKEN": WORD, **more,
    }  # fmt: skip
    return Settings.from_env(env)


def asked_with(given: Settings) -> MetaAnswers:
    return meta_probes.build_answers(given, run_looks(meta_probes.build_looks(given), 20))


def test_everything_is_asked_and_answered(sandbox: Stack) -> None:
    found = asked(sandbox)

    assert found.secrets == (AppInfo(APP, "Sandbox app"),)
    assert isinstance(found.token, TokenInfo)
    assert (found.token.valid, found.token.app_id) == (True, APP)
    assert isinstance(found.number, NumberInfo)
    assert (found.number.id, found.number.status) == (NUMBER, "CONNECTED")
    assert {one.state for one in found.number.health} == {"AVAILABLE"}
    assert isinstance(found.numbers, tuple)
    assert isinstance(found.callbacks, tuple)
    assert [one.id for one in found.numbers] == [NUMBER]
    assert found.subscribed == (SubscribedApp(APP, "Sandbox app"),)
    assert "messages" in found.callbacks[0].fields


@pytest.mark.parametrize(
    ("proof_secret", "expected"),
    [(b"another-secret", NumberInfo), (b"a-third-secret", SetupError), (b"", SetupError)],
    ids=["right", "wrong", "none"],
)
def test_a_proof_goes_with_each_question_where_the_app_demands_it(
    sandbox: Stack, proof_secret: bytes, expected: type
) -> None:
    given = settings(
        sandbox,
        META_APP_ID="502",
        META_APP_SECRET="another-secret",
        META_ACCESS_TOKEN="EAAanother",
        META_WABA_ID="5020",
        META_PHONE_NUMBER_ID="2001",
    )

    found = meta_probes.build_answers(
        given, run_looks(meta_probes.build_looks(given, proof_secret), 20)
    )

    assert isinstance(found.token, TokenInfo)
    assert isinstance(found.number, expected)
    assert isinstance(found.subscribed, tuple) == (expected is NumberInfo)


def test_templates_are_asked_for_by_name(sandbox: Stack, account: Any) -> None:
    account(
        "templates",
        staff_notice={"languages": {"en": "APPROVED", "pt_BR": "PAUSED"}},
        staff_notice_2="utility",
        hello="marketing",
    )
    wanted = [NamedTemplate(name, "en") for name in ("staff_notice", "none", "hello")]

    found = meta_probes.read_templates(settings(sandbox), wanted)

    assert found == (
        TemplateInfo("staff_notice", "en", "APPROVED"),
        TemplateInfo("staff_notice", "pt_BR", "PAUSED"),
        TemplateInfo("hello", "en", "APPROVED"),
    )
    assert meta_probes.read_templates(settings(sandbox, META_WABA_ID=""), wanted) == NO_ACCOUNT


def test_what_is_not_set_is_named_and_the_rest_is_asked(sandbox: Stack) -> None:
    found = asked(sandbox, META_APP_ID="", META_WABA_ID="")

    assert (found.secrets, found.token, found.callbacks) == ((NO_APP,), NO_APP, NO_APP)
    assert (found.numbers, found.subscribed) == (NO_ACCOUNT, NO_ACCOUNT)
    assert isinstance(found.number, NumberInfo)


def test_each_of_several_secrets_is_tried(sandbox: Stack) -> None:
    found = asked(sandbox, META_APP_SECRET=f"{SECRET},fedcba9876543210")

    right, wrong = found.secrets
    assert isinstance(right, AppInfo)
    assert isinstance(wrong, SetupError)
    assert wrong.about == "app_secret"


def test_a_dead_token_leaves_what_the_app_may_ask(sandbox: Stack, account: Any) -> None:
    account("token", revoked=True)
    found = asked(sandbox)

    assert isinstance(found.number, SetupError)
    assert found.number.about == "token"
    assert isinstance(found.callbacks, tuple)


def test_whatever_the_account_lacks_is_seen(sandbox: Stack, account: Any) -> None:
    account("account", subscribed=False, fields=["user_preferences"], other_apps={"9": "Theirs"})
    found = asked(sandbox)

    assert found.subscribed == (SubscribedApp("9", "Theirs"),)
    assert isinstance(found.callbacks, tuple)
    assert found.callbacks[0].fields == ("user_preferences",)


def test_the_callback_in_force_is_asked_with_our_word(
    sandbox: Stack, account: Any, callback: str
) -> None:
    account("account", callback=f"{callback}/webhook")
    given = settings(sandbox)
    theirs = settings(sandbox, META_VERIFY_TOKEN="another")

    assert meta_probes.probe_handshake(given, asked_with(given)) == Handshake()
    refused = meta_probes.probe_handshake(theirs, asked_with(theirs))
    assert isinstance(refused, Handshake)
    assert refused.wrong == "The gateway that answers there has another META_VERIFY_TOKEN."


def test_a_page_at_the_callback_is_no_gateway(sandbox: Stack, account: Any, callback: str) -> None:
    account("account", callback=f"{callback}/login?from=meta")
    given = settings(sandbox)

    found = meta_probes.probe_handshake(given, asked_with(given))

    assert found == Handshake("A page for people answers, such as a login.")


def test_a_callback_where_nothing_listens_is_away(sandbox: Stack, account: Any) -> None:
    account("account", callback=f"{sandbox.url}/webhook")
    given = settings(sandbox)

    assert meta_probes.probe_handshake(given, asked_with(given)) == Handshake(away="ConnectError")


def test_without_a_callback_nobody_is_asked(sandbox: Stack, account: Any) -> None:
    account("account", callback="")
    given = settings(sandbox)

    assert meta_probes.probe_handshake(given, asked_with(given)) == Unseen("there is no callback")


@pytest.mark.parametrize(("proof_secret", "is_answered"), [(SECRET.encode(), True), (b"", False)])
def test_an_app_that_asks_for_a_proof_answers_only_with_one(
    tmp_path: Path, server: Server, proof_secret: bytes, *, is_answered: bool
) -> None:
    stack = Stack(tmp_path, server)
    config = {"app_id": APP, "waba_id": WABA, "app_secret": SECRET, "require_proof": True}
    try:
        given = settings(stack.start("sandbox", sandbox=config))
        answers = run_looks(meta_probes.build_looks(given, proof_secret), 20)
    finally:
        stack.stop()

    assert isinstance(answers["number"], NumberInfo) is is_answered
    assert isinstance(answers["token"], TokenInfo)
