"""What is set at Meta is noted before, cleared after, and never what others have set.

Meta is a sandbox in a process of its own, and the callback an endpoint that shakes hands.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs

import pytest
import typer

from gateway.cli.local import workspace
from gateway.cli.local.environment import prepare
from gateway.cli.setup.tunnel import callback, callback_plan
from gateway.cli.setup.tunnel.callback import CallbackClient, clear_rest, lead_here, open_client
from gateway.cli.setup.tunnel.options import TunnelOptions
from gateway.cli.setup.tunnel.screen import Screen
from tests.support.cli.fake_ngrok import Answer, serving
from tests.support.cli.tunnel_run import (
    APP,
    APPS,
    NUMBER,
    OTHER_NUMBER,
    SECRET,
    TOKEN,
    WORD,
    Tunnelling,
    dotenv,
)

SCREEN = Screen(json=True)


def shaking(_: str, path: str, __: bytes) -> Answer:
    """Shake hands with whoever asks."""
    return 200, {}, parse_qs(path.partition("?")[2])["hub.challenge"][0].encode()


def asked(**options: bool) -> TunnelOptions:
    return TunnelOptions(
        "", 8000, False, options.get("yes", False), options.get("replace", False), False, ""
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnelling]:
    at = Tunnelling(tmp_path_factory.mktemp("meta"))
    yield at
    at.close()


@pytest.fixture
def at(made: Tunnelling, monkeypatch: pytest.MonkeyPatch) -> Tunnelling:
    """Give a Meta that is as it was at first."""
    monkeypatch.chdir(made.folder)
    workspace.make_folder()
    made.reset()
    return made


@pytest.fixture
def ours() -> Iterator[str]:
    with serving(shaking) as url:
        yield f"{url}/webhook"


@pytest.fixture
def theirs() -> Iterator[str]:
    with serving(shaking) as url:
        yield f"{url}/webhook"


@pytest.fixture
def meta(at: Tunnelling) -> Iterator[CallbackClient]:
    settings = prepare(dotenv(at.folder), 1, real=True).settings
    with open_client(settings) as calls:
        yield CallbackClient(calls, settings)


def test_a_number_is_led_here_until_the_end(
    at: Tunnelling, meta: CallbackClient, ours: str
) -> None:
    at.account(subscribed=False)
    with ExitStack() as ending:
        assert lead_here(meta, ours, asked(), SCREEN, ending) == "+15550001111"
        assert at.account()["number_overrides"] == {NUMBER: ours}

    account = at.account()
    assert (account["number_overrides"], account["callback"]) == ({}, APPS)
    assert account["subscribed"] is True
    assert callback_plan.read() is None


def test_an_app_without_a_callback_has_one_until_the_end(
    at: Tunnelling, meta: CallbackClient, ours: str
) -> None:
    at.account(callback="")
    with ExitStack() as ending:
        lead_here(meta, ours, asked(yes=True), SCREEN, ending)
        assert at.account()["callback"] == ours

    assert (at.account()["callback"], at.account()["number_overrides"]) == ("", {})


def test_what_a_killed_run_set_is_cleared_by_the_next(
    at: Tunnelling, meta: CallbackClient, ours: str
) -> None:
    at.account(callback="")
    lead_here(meta, ours, asked(yes=True), SCREEN, ExitStack())  # which nobody closes

    clear_rest(meta, SCREEN, is_requested=False)

    assert (at.account()["callback"], at.account()["number_overrides"]) == ("", {})
    assert callback_plan.read() is None


def test_an_override_that_somebody_set_meanwhile_is_left_alone(
    at: Tunnelling, meta: CallbackClient, ours: str, theirs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as ending:
        lead_here(meta, ours, asked(), SCREEN, ending)
        at.override(theirs, WORD)

    assert f"go to {theirs}, which this run did not set" in capsys.readouterr().out
    assert at.account()["number_overrides"] == {NUMBER: theirs}


def test_an_override_that_was_the_same_before_is_left_alone(
    at: Tunnelling, meta: CallbackClient, ours: str
) -> None:
    at.override(ours, WORD)
    with ExitStack() as ending:
        lead_here(meta, ours, asked(), SCREEN, ending)

    assert at.account()["number_overrides"] == {NUMBER: ours}


def test_what_cannot_be_cleared_is_noted_and_cleared_by_the_next(
    at: Tunnelling, meta: CallbackClient, ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = ExitStack()
    lead_here(meta, ours, asked(), SCREEN, ending)
    at.token(revoked=True)
    with pytest.raises(typer.Exit) as ended:
        ending.close()
    assert ended.value.exit_code == 1
    assert "may still be set for number" in capsys.readouterr().out

    at.token(revoked=False)
    clear_rest(meta, SCREEN, is_requested=True)

    assert at.account()["number_overrides"] == {}


def test_what_a_run_for_another_app_set_is_left_for_its_settings(
    at: Tunnelling, meta: CallbackClient, ours: str
) -> None:
    at.override(ours, WORD)
    callback_plan.write(callback_plan.CallbackNote(at.meta, "6", NUMBER, ours))

    with pytest.raises(typer.Exit):
        clear_rest(meta, SCREEN, is_requested=False)

    assert at.account()["number_overrides"] == {NUMBER: ours}
    assert callback_plan.read() is not None


def test_a_number_that_is_seen_no_more_has_a_way_out(
    at: Tunnelling, meta: CallbackClient, ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    callback_plan.write(callback_plan.CallbackNote(at.meta, APP, "99999", ours))
    with pytest.raises(typer.Exit):
        clear_rest(meta, SCREEN, is_requested=True)
    assert "delete .gateway/tunnel.json" in capsys.readouterr().out

    callback_plan.FILE.unlink()
    clear_rest(meta, SCREEN, is_requested=True)


def test_a_callback_of_somebody_else_is_not_replaced_unasked(
    at: Tunnelling, meta: CallbackClient, ours: str, theirs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at.override(theirs, WORD)

    with pytest.raises(typer.Exit), ExitStack() as ending:
        lead_here(meta, ours, asked(yes=True), SCREEN, ending)

    assert "Say --replace to agree." in capsys.readouterr().err
    assert at.account()["number_overrides"] == {NUMBER: theirs}


def test_an_app_is_given_no_callback_unasked(
    at: Tunnelling, meta: CallbackClient, ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at.account(callback="")

    with pytest.raises(typer.Exit), ExitStack() as ending:
        lead_here(meta, ours, asked(replace=True), SCREEN, ending)

    assert "Say --yes to agree." in capsys.readouterr().err
    assert (at.account()["callback"], at.account()["number_overrides"]) == ("", {})


@pytest.fixture
def survives() -> Iterator[None]:
    """Let SIGTERM, where nobody else takes it, end a test and not all of them."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("survives")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_whoever_is_asked_may_leave(
    at: Tunnelling,
    meta: CallbackClient,
    ours: str,
    monkeypatch: pytest.MonkeyPatch,
    ending: signal.Signals,
) -> None:
    at.account(callback="")
    monkeypatch.setattr(callback, "at_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda _: signal.raise_signal(ending))

    with pytest.raises(KeyboardInterrupt), ExitStack() as stack:
        lead_here(meta, ours, asked(), SCREEN, stack)

    assert at.account()["callback"] == ""


def test_an_endpoint_that_does_not_shake_hands_leaves_nothing_set(
    at: Tunnelling, meta: CallbackClient, capsys: pytest.CaptureFixture[str]
) -> None:
    at.account(subscribed=False)
    with (
        serving(lambda *_: (403, {}, b"")) as url,
        pytest.raises(typer.Exit) as ended,
        ExitStack() as ending,
    ):
        lead_here(meta, f"{url}/webhook", asked(), SCREEN, ending)

    assert ended.value.exit_code == 2
    assert "Meta asked the callback for its handshake" in capsys.readouterr().out
    assert at.account()["number_overrides"] == {}
    assert callback_plan.read() is None


WRONG: dict[str, tuple[dict[str, str], str, str]] = {
    "the app secret": ({"META_APP_SECRET": "hush-no"}, "app secret", "app secret"),
    "the token": ({"META_ACCESS_TOKEN": "hush-no"}, "token", "access token is not valid"),
    "the number": ({"META_PHONE_NUMBER_ID": OTHER_NUMBER}, "number", "not one of the account's"),
}


@pytest.mark.parametrize(("written", "name", "told"), WRONG.values(), ids=WRONG)
def test_what_does_not_belong_together_is_one_red_line(
    at: Tunnelling, written: dict[str, str], name: str, told: str
) -> None:
    settings = prepare(dotenv(at.folder) | written, 1, real=True).settings
    with open_client(settings) as calls:
        red = [
            check
            for check in CallbackClient(calls, settings).check_settings()
            if check.tone == "bad"
        ]

    assert (red[0].name, told in red[0].reason) == (name, True)
    assert [word for word in (SECRET, TOKEN, "hush") if word in red[0].reason] == []


def test_a_token_that_has_expired_is_told(at: Tunnelling, meta: CallbackClient) -> None:
    at.token(expires_in_s=-1)

    red = [check for check in meta.check_settings() if check.tone == "bad"]

    assert "has expired" in red[0].reason
