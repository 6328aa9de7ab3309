"""`gateway init` tries each answer at Meta, names each mistake in a sentence, and writes last.

Meta is a sandbox in a process of its own.
"""

import json
import os
import pty
import re
import select
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.config.settings import Settings
from tests.support.cli.dev_gateway import GATEWAY, environment
from tests.support.sandbox.sandbox_app import APP, NUMBER_ID, WABA
from tests.support.web.socket_servers import request_on, serving

SECRET, TOKEN, FOREIGN = "hush-app-secret", "EAAhush-token", "EAAhush-foreign"
COMMAND = [*GATEWAY, "init"]
# Makes its input the terminal of its session, so that Ctrl-C reaches it; whoever runs in the
# background of a shell ignores that, and so do its children.
AT_A_TERMINAL = (
    "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from gateway.cli.main import main; main()"
)
OTHER, THEIRS = "100000000000009", "106540352242999"
ANSWERS = (APP, SECRET, TOKEN, WABA, NUMBER_ID)
ASKED = ("META_APP_ID", "META_APP_SECRET", "META_ACCESS_TOKEN", "META_WABA_ID",
         "META_PHONE_NUMBER_ID")  # fmt: skip
MADE = ("META_VERIFY_TOKEN", "GATEWAY_API_KEYS", "GATEWAY_ENCRYPTION_KEYS", "FLOWER_BASIC_AUTH")
CONFIG = {
    "app_secret": SECRET,
    "access_token": TOKEN,
    "webhook_url": "http://127.0.0.1:9/webhook",
    "waba_id": WABA,
    "numbers": [{"id": NUMBER_ID, "display": "+1 555-000-1111"}],
    "other_accounts": {OTHER: [{"id": THEIRS, "display": "+1 555-000-2222"}]},
    "port": 0,
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("sandbox") / "sandbox.json"
    path.write_text(json.dumps(CONFIG))
    command = [sys.executable, "-m", "gateway.sandbox", "--config", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.kill()


@pytest.fixture
def meta(sandbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Give the controls of a Meta that is as it began, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in {*Settings.model_fields, *(one.lower() for one in MADE)}:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.setenv("META_GRAPH_URL", sandbox)
    wish = {"revoked": False, "type": "SYSTEM_USER", "expires_in_s": None}
    scopes = ["whatsapp_business_management", "whatsapp_business_messaging"]
    with httpx.Client(base_url=sandbox, trust_env=False) as client:
        client.post("/sandbox/token", json=wish | {"scopes": scopes, "of_another_app": [FOREIGN]})
        yield client


def run(*answers: str, args: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> Result:
    """Run the command with answers, one a line, and look for secrets in what it says."""
    result = CliRunner().invoke(app, ["init", *args], input="".join(f"{a}\n" for a in answers),
                                env=env)  # fmt: skip
    told = result.output + repr(result.exception)
    written = dotenv_values(".env") if Path(".env").is_file() else {}
    hidden = [SECRET, TOKEN, FOREIGN, *(written.get(name) or SECRET for name in MADE)]
    assert not [secret for secret in hidden if secret in told]
    return result


def mistakes(result: Result) -> list[str]:
    return re.findall(r"^(?:no|error): (.*)$", result.stderr, re.MULTILINE)


def test_right_answers_become_settings_that_load(meta: httpx.Client) -> None:
    result = run(*ANSWERS)

    written = dotenv_values(".env")
    assert (result.exit_code, mistakes(result)) == (0, [])
    assert tuple(written[name] for name in ASKED) == ANSWERS
    settings = Settings.from_env(
        {k: v or "" for k, v in written.items()} | {"REDIS_URL": "redis://r"}
    )
    assert len(settings.encryption_keys[0]) == 32
    assert len(settings.gateway_api_keys) == 1
    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600
    assert os.listdir(".") == [".env"]


def test_it_leads_on(meta: httpx.Client) -> None:
    told = run(*ANSWERS).stdout

    led = re.findall(r"^  gateway (\w+)", told, re.MULTILINE)
    assert led == ["rules", "tunnel", "tunnel", "doctor"]


def test_whoever_has_rules_is_not_led_to_new_ones(meta: httpx.Client) -> None:
    Path("rules").mkdir()
    Path("rules/mine.yaml").write_text("version: 1\nrules: [{name: hello, then: Hello}]\n")

    assert "rules new" not in run(*ANSWERS).stdout


@pytest.mark.parametrize(("url", "said"), [("", True), ("redis://localhost", False)])
def test_a_missing_address_of_redis_is_mentioned_and_not_invented(
    meta: httpx.Client, url: str, *, said: bool
) -> None:
    result = run(*ANSWERS, env={"REDIS_URL": url})

    assert ("REDIS_URL is not set" in result.output) is said
    assert "REDIS_URL" not in Path(".env").read_text()


def test_it_leads_on_to_commands_that_the_shell_finds(
    meta: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/../.venv/bin/gateway", "init"])

    assert "  .venv/bin/gateway tunnel --real  the same" in run(*ANSWERS).stdout


def test_what_the_token_shows_need_not_be_typed(meta: httpx.Client) -> None:
    run(APP, SECRET, TOKEN, "", "")

    written = dotenv_values(".env")
    assert (written["META_WABA_ID"], written["META_PHONE_NUMBER_ID"]) == (WABA, NUMBER_ID)


def test_a_lasting_token_is_told_as_such(meta: httpx.Client) -> None:
    assert "access token: a system user's, which does not run out" in run(*ANSWERS).stdout


def test_the_temporary_token_tells_its_end_and_how_to_get_a_lasting_one(meta: httpx.Client) -> None:
    meta.post("/sandbox/token", json={"type": "USER", "expires_in_s": 23.5 * 3600})
    told = run(*ANSWERS).stdout

    assert "valid, and the temporary one" in told
    assert "It ends in 23 h (" in told
    assert "System users, Generate token, expiry Never" in told


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (("my app", *ANSWERS), "The app id is an id: digits only."),
        (("7", APP, *ANSWERS[1:]), "The app id is an id: digits only."),
        (("1234567", SECRET, APP, "", *ANSWERS[2:]), "Meta knows no app with this id"),
        ((APP, "with space", *ANSWERS[1:]), "The app secret holds characters that Meta"),
        ((APP, "hush", *ANSWERS[1:]), "The app secret is too short to be whole: copy it again."),
        ((APP, "h" * 2001, *ANSWERS[1:]), "The app secret is too long to be one"),
        ((APP, "", *ANSWERS[1:]), "The app secret is missing: paste it, and press Enter."),
        ((APP, "hush-wrong", *ANSWERS[1:]), "The app secret does not belong to the app id"),
        ((APP, "hush-wrong", "", "", *ANSWERS[1:]), "The app secret does not belong to the app"),
        ((*ANSWERS[:2], "EAA", *ANSWERS[2:]), "The access token is too short to be whole"),
        (("1234567", "hush-wrong", *ANSWERS), "Meta knows no app with this id"),
        ((APP, SECRET, "EAAunknown", *ANSWERS[2:]), "The access token is not valid"),
        ((APP, SECRET, FOREIGN, *ANSWERS[2:]), "The access token belongs to another app"),
        ((*ANSWERS[:3], "7000000", *ANSWERS[3:]), "Meta knows no such id, or the token may not"),
        ((*ANSWERS[:4], "+15550001111", NUMBER_ID), "The phone number id is the id that Meta gave"),
        ((*ANSWERS[:4], THEIRS, NUMBER_ID), f"This number is not one of the account's: its numbers "
                                            f"have the ids {NUMBER_ID}."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_is_asked_again(
    meta: httpx.Client, answers: tuple[str, ...], sentence: str
) -> None:
    result = run(*answers)

    [told] = mistakes(result)
    assert told.startswith(sentence)
    assert result.exit_code == 0
    assert tuple(dotenv_values(".env")[name] for name in ASKED) == ANSWERS


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"expires_in_s": -60}, "The access token has expired."),
        ({"revoked": True}, "The token was revoked, or its owner logged out."),
        (
            {"scopes": ["whatsapp_business_management"]},
            "The access token lacks whatsapp_business_messaging:",
        ),
    ],
)
def test_a_token_that_will_not_do_ends_with_nothing_written(
    meta: httpx.Client, state: Any, sentence: str
) -> None:
    meta.post("/sandbox/token", json=state)
    result = run(APP, SECRET, TOKEN)

    [told] = mistakes(result)
    assert told.startswith(sentence)
    assert (result.exit_code, os.listdir(".")) == (2, [])


def test_an_account_of_another_is_taken_with_its_own_numbers_only(meta: httpx.Client) -> None:
    result = run(APP, SECRET, TOKEN, OTHER, NUMBER_ID)

    assert mistakes(result)[0].startswith("This number is not one of the account's")
    assert os.listdir(".") == []


def test_input_that_ends_after_a_mistake_was_mended_is_told(meta: httpx.Client) -> None:
    result = run(APP, "hush-wrong", SECRET)

    assert [told.split(":")[0] for told in mistakes(result)] == [
        "The app secret does not belong to the app id",
        "The access token is missing, and nobody answers",
    ]


@pytest.mark.parametrize("known", range(5))
def test_input_that_ends_is_one_sentence_and_leaves_nothing(meta: httpx.Client, known: int) -> None:
    # The last two are known without being told, where each is the only one there is.
    meta.post("/sandbox/token", json={"type": "USER"})
    result = run(*ANSWERS[:known])

    if known < 3:
        [told] = mistakes(result)
        assert f"set {ASKED[known]} in the environment" in told
        assert (result.exit_code, os.listdir(".")) == (2, [])
    else:
        assert (result.exit_code, os.listdir(".")) == (0, [".env"])


def test_a_meta_that_is_not_there_is_one_sentence(
    meta: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_GRAPH_URL", "http://127.0.0.1:9")
    result = run(APP, SECRET)

    [told] = mistakes(result)
    assert told.startswith("Meta cannot be reached (ConnectError: Connection refused).")
    assert (result.exit_code, os.listdir(".")) == (2, [])


def test_a_cut_secret_is_told_by_its_length(meta: httpx.Client) -> None:
    cut, whole = run(APP, "hush-wrong"), run(APP, "0" * 32)

    assert "Meta's have 32 characters, and this has 10." in mistakes(cut)[0]
    assert "characters, and this has" not in mistakes(whole)[0]


def test_offline_writes_all_of_it_and_asks_nothing_of_meta(
    meta: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_GRAPH_URL", "http://127.0.0.1:9")
    result = run(*ANSWERS, args=("--offline",))

    written = dotenv_values(".env")
    assert (result.exit_code, mistakes(result)) == (0, [])
    assert tuple(written[name] for name in ASKED) == ANSWERS
    assert all(written[name] for name in MADE)
    assert "nothing of it is checked: run gateway doctor once Meta can be reached" in result.stdout


def test_offline_answers_must_have_the_right_form_all_the_same(meta: httpx.Client) -> None:
    result = run("my app", APP, SECRET, "with space", *ANSWERS[2:], args=("--offline",))

    assert [told.split()[1:3] for told in mistakes(result)] == [["app", "id"], ["access", "token"]]
    assert result.exit_code == 0


def test_whoever_does_not_wait_for_meta_may_go_on_without_it(
    meta: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_GRAPH_URL", "http://127.0.0.1:9")
    result = run(APP, SECRET, "n", "y", *ANSWERS[2:])

    assert mistakes(result)[0].startswith("Meta cannot be reached")
    assert result.exit_code == 0
    assert tuple(dotenv_values(".env")[name] for name in ASKED) == ANSWERS
    assert "nothing of it is checked" in result.stdout


def test_a_meta_that_comes_back_is_asked_the_same_again(
    meta: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([b"", b'{"id": "7", "name": "Ours"}'])

    def talk(connection: socket.socket) -> None:
        request_on(connection)
        body = next(answers, b"")
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body if body else b"")

    with serving() as serve:
        monkeypatch.setenv("META_GRAPH_URL", serve(talk))
        result = run(APP, SECRET, "y")

    assert mistakes(result)[0].startswith("Meta cannot be reached (RemoteProtocolError).")
    assert "app secret: it is that of the app Ours" in result.stdout


@pytest.mark.parametrize("url", ["graph", "ftp://graph"])
def test_an_address_of_meta_that_is_none_is_told(
    meta: httpx.Client, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("META_GRAPH_URL", url)

    assert mistakes(run(APP)) == ["META_GRAPH_URL is no web address: write https://host."]


def test_a_process_without_any_input_has_nobody_to_ask(meta: httpx.Client) -> None:
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND],
        capture_output=True,
        text=True,
        env=environment(META_GRAPH_URL=str(meta.base_url)),
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith("error: The app id is missing, and nobody answers")


def test_a_link_that_leads_to_itself_is_told(meta: httpx.Client) -> None:
    Path(".env").symlink_to(".env")

    assert mistakes(run(*ANSWERS)) == ["Cannot read .env: Too many levels of symbolic links."]


def test_nobody_need_be_there_where_all_is_given(meta: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    args = ("--app-id", APP, "--waba-id", WABA, "--phone-number-id", NUMBER_ID)
    env = {"META_APP_SECRET": SECRET, "META_ACCESS_TOKEN_FILE": str(tmp_path / "token")}
    result = run(args=args, env=env)

    assert result.exit_code == 0
    assert tuple(dotenv_values(".env")[name] for name in ASKED) == ANSWERS


def test_what_init_does_not_own_stays_and_its_own_keys_too(meta: httpx.Client) -> None:
    run(*ANSWERS)
    before = "# mine\nREDIS_URL=redis://r\n" + Path(".env").read_text().replace(SECRET, "old")
    Path(".env").write_text(before)
    result = run("", SECRET, "", "", "", "y")

    assert result.exit_code == 0
    assert "Set META_APP_SECRET in it" in result.stdout
    assert Path(".env").read_text() == before.replace("old", SECRET)


@pytest.mark.parametrize("answers", [("n",), ("",), ()])
def test_a_file_is_not_changed_without_a_yes(meta: httpx.Client, answers: tuple[str, ...]) -> None:
    Path(".env").write_text("META_APP_ID=8\n")
    result = run(*ANSWERS, *answers)

    assert result.exit_code == 2
    assert mistakes(result) == ["Nothing was written: .env is as it was (--yes changes it)."]
    assert Path(".env").read_text() == "META_APP_ID=8\n"


def test_yes_is_a_yes_that_nobody_has_to_give(meta: httpx.Client) -> None:
    Path(".env").write_text("META_APP_ID=8\n")

    assert run(*ANSWERS, args=("--yes",)).exit_code == 0
    assert dotenv_values(".env")["META_APP_ID"] == APP


def test_a_second_time_all_is_tried_and_nothing_changes(meta: httpx.Client) -> None:
    run(*ANSWERS)
    before = Path(".env").read_text()
    Path(".env").chmod(0o644)
    result = run()

    assert result.exit_code == 0
    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600
    assert ".env says all of this already." in result.stdout
    assert Path(".env").read_text() == before


def test_only_keys_that_are_new_are_told(meta: httpx.Client) -> None:
    first = run(*ANSWERS).stdout
    Path(".env").write_text(Path(".env").read_text().replace(TOKEN, "EAAhush-former"))
    second = run("", "", TOKEN, "", "", "y").stdout

    assert "it holds new keys as well" in first
    assert ".env is written, for your eyes only." in second


def test_keys_that_came_while_somebody_answered_are_kept(meta: httpx.Client) -> None:
    with subprocess.Popen(
        [*COMMAND, "--yes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment(META_GRAPH_URL=str(meta.base_url)),
    ) as asking:  # fmt: skip
        assert asking.stdout is not None
        asking.stdout.readline()  # it has asked, so it has read what was there
        key = "ab" * 32
        Path(".env").write_text(f"GATEWAY_ENCRYPTION_KEYS={key}\n")
        asking.communicate("".join(f"{answer}\n" for answer in ANSWERS), 30)

    assert dotenv_values(".env")["GATEWAY_ENCRYPTION_KEYS"] == key


def test_a_wrong_answer_of_the_environment_is_told_to_win_over_the_right_one(
    meta: httpx.Client,
) -> None:
    wrong = run(*ANSWERS, env={"META_APP_SECRET": "hush-wrong"}).stdout
    right = run(env={"META_APP_SECRET": SECRET}).stdout

    assert "The environment has another META_APP_SECRET, and wins over .env" in wrong
    assert "wins over .env" not in right


def test_a_key_in_a_file_of_its_own_is_not_made_anew(meta: httpx.Client) -> None:
    Path(".env").write_text("GATEWAY_ENCRYPTION_KEYS_FILE=/run/secrets/key\n")
    run(*ANSWERS, args=("--yes",))

    written = dotenv_values(".env")
    assert written["GATEWAY_ENCRYPTION_KEYS_FILE"] == "/run/secrets/key"
    assert "GATEWAY_ENCRYPTION_KEYS" not in written


def test_a_token_in_a_file_of_its_own_is_known_and_stays_there(
    meta: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    Path(".env").write_text(f"META_ACCESS_TOKEN_FILE={tmp_path / 'token'}\n")
    run(APP, SECRET, "", "", "", "y")

    written = dotenv_values(".env")
    assert written["META_ACCESS_TOKEN_FILE"] == str(tmp_path / "token")
    assert "META_ACCESS_TOKEN" not in written


def test_while_the_secret_is_rotated_the_newest_is_tried(meta: httpx.Client) -> None:
    both = f"{SECRET},hush-older"
    run(APP, both, *ANSWERS[2:])

    assert dotenv_values(".env")["META_APP_SECRET"] == both


def test_the_command_itself_reads_answers_from_a_file(meta: httpx.Client, tmp_path: Path) -> None:
    answers = "".join(f"{answer}\n" for answer in ANSWERS)
    ended = subprocess.run(
        COMMAND,
        input=answers,
        capture_output=True,
        text=True,
        env=environment(META_GRAPH_URL=str(meta.base_url)),
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert tuple(dotenv_values(".env")[name] for name in ASKED) == ANSWERS


class Terminal:
    """A terminal with `gateway init` in it, and all that it has shown."""

    def __init__(self, folder: Path, **env: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, "init"],
            cwd=folder, env=environment(TERM="dumb", **env),
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""
        self._read = 0

    def wait_for(self, wanted: str) -> None:
        """Read until something stands below what was waited for before."""
        self._search(re.escape(wanted))

    def _search(self, pattern: str) -> None:
        while not (found := re.search(pattern, self.shown[self._read :])):
            assert select.select([self._ours], [], [], 60)[0], f"{pattern}: {self.shown}"
            self.shown += os.read(self._ours, 4096).decode()
        self._read += found.end()

    def answer(self, prompt: str, typed: str) -> None:
        """Wait for a prompt, whatever its default, and type a line."""
        self._search(rf"{re.escape(prompt)}( \[.*?\])?: ")
        os.write(self._ours, f"{typed}\n".encode())

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(meta: httpx.Client, tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path, META_GRAPH_URL=str(meta.base_url))
    yield opened
    opened.close()


def test_a_person_at_a_terminal_types_secrets_unseen_and_leaves_by_ctrl_c(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.answer("app id", APP)
    terminal.answer("app secret", SECRET)
    terminal.wait_for("access token: ")
    terminal.press(b"\x03")
    terminal.wait_for("nothing was written")

    assert terminal.process.wait(180) == 130
    assert "Sandbox app" in terminal.shown
    assert SECRET not in terminal.shown
    assert os.listdir(tmp_path) == []


def test_a_secret_that_was_refused_is_asked_for_again_unseen(terminal: Terminal) -> None:
    terminal.answer("app id", APP)
    terminal.answer("app secret", "hush-wrong")
    terminal.wait_for("no: The app secret does not belong to the app id")
    terminal.wait_for("An empty line leads back to the app id")
    terminal.answer("app secret", SECRET)
    terminal.wait_for("access token: ")

    assert terminal.shown.count("\napp id: ") == 1
    assert "hush-wrong" not in terminal.shown
    assert SECRET not in terminal.shown


@pytest.mark.parametrize("way", ["an unknown app", "an empty line"])
def test_a_secret_typed_for_the_app_id_by_mistake_is_not_shown(
    terminal: Terminal, way: str
) -> None:
    terminal.answer("app id", APP if way == "an empty line" else "1234567")
    terminal.answer("app secret", "hush-wrong")
    if way == "an empty line":
        terminal.answer("app secret", "")
    terminal.wait_for("What you type is not shown")
    terminal.answer("app id", SECRET)
    terminal.wait_for("no: The app id is an id: digits only.")
    terminal.answer("app id", APP)
    terminal.wait_for(f"  app id {APP}")
    terminal.answer("app secret", SECRET)
    terminal.wait_for("access token: ")

    assert SECRET not in terminal.shown


def test_a_person_without_a_network_may_go_on(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, META_GRAPH_URL="http://127.0.0.1:9")
    try:
        terminal.answer("app id", APP)
        terminal.answer("app secret", SECRET)
        terminal.wait_for("no: Meta cannot be reached")
        terminal.answer("Try once more?", "n")
        terminal.answer("Go on without Meta, and write what you answer unchecked?", "y")
        for prompt, answer in zip(
            ("access token", "Account id", "number id"), ANSWERS[2:], strict=True
        ):
            terminal.answer(prompt, answer)
        terminal.wait_for("nothing of it is checked")
        assert terminal.process.wait(180) == 0
    finally:
        terminal.close()

    assert tuple(dotenv_values(tmp_path / ".env")[name] for name in ASKED) == ANSWERS
    assert SECRET not in terminal.shown
    assert TOKEN not in terminal.shown
