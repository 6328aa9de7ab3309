"""`gateway sandbox` is Meta for any bot: here for one that is made with pywa."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pywa.client import WhatsApp
from pywa.errors import WhatsAppError
from pywa.handlers import MessageHandler, MessageStatusHandler
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus

from tests.support.servers import Program, free_port, wait_until

pytestmark = pytest.mark.e2e

SECRET, WORD, TOKEN, NUMBER, ANA = "a secret", "a word", "a token", "4200", "351900000001"


class Bot:
    """A bot of a few lines: it says what it heard, and notes what becomes of that."""

    def __init__(self, graph: str) -> None:
        self.port = free_port()
        self.statuses: list[str] = []
        self.refusals: list[int] = []
        app = FastAPI()
        session = httpx.Client(trust_env=False)
        client = WhatsApp(
            phone_id=NUMBER,
            token=TOKEN,
            session=session,
            server=app,
            webhook_endpoint="/hook",
            verify_token=WORD,
            app_secret=SECRET,
        )
        session.base_url = httpx.URL(f"{graph}/v23.0")  # pywa has set Meta's
        client.add_handlers(MessageHandler(self._hear), MessageStatusHandler(self._note))
        self._server = uvicorn.Server(
            uvicorn.Config(app, port=self.port, log_config=None, ws="none")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def _hear(self, _: WhatsApp, message: Message) -> None:
        try:
            message.reply_text(f"You said: {message.text}")
        except WhatsAppError as error:
            self.refusals.append(error.code)

    def _note(self, _: WhatsApp, status: MessageStatus[Any]) -> None:
        self.statuses.append(status.status.value)

    def start(self) -> None:
        self._thread.start()
        wait_until(lambda: self._server.started, "the bot listens")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(180)


@pytest.fixture(scope="module")
def graph() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def bot(graph: str) -> Iterator[Bot]:
    made = Bot(graph)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def sandbox(graph: str, bot: Bot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("sandbox")
    port = graph.rpartition(":")[2]
    options = {
        "--webhook": f"http://127.0.0.1:{bot.port}/hook",
        "--app-secret": SECRET,
        "--verify-token": WORD,
        "--access-token": TOKEN,
        "--number": f"{NUMBER}=+15550001111",
        "--port": port,
    }
    words = [word for pair in options.items() for word in pair]
    program = Program(
        [sys.executable, "-m", "gateway.cli", "sandbox", *words], {}, folder / "log", folder
    )
    yield program
    program.stop()


def say(graph: str, text: str) -> None:
    url = f"{graph}/sandbox/customers/{ANA}/messages"
    httpx.post(url, json={"text": text}).raise_for_status()


def heard(graph: str) -> list[Any]:
    events = httpx.get(f"{graph}/sandbox/customers/{ANA}/events").json()
    return [one["body"]["text"]["body"] for one in events if one["kind"] == "message"]


def test_a_bot_passes_the_handshake_and_answers(graph: str, bot: Bot, sandbox: Program) -> None:
    wait_until(lambda: "handshake (#2200)" in sandbox.said(), "the handshake fails without a bot")
    bot.start()
    wait_until(lambda: "handshake passed" in sandbox.said(), "the handshake passes")

    say(graph, "hello")

    wait_until(lambda: heard(graph) == ["You said: hello"], "the bot answers")
    wait_until(lambda: bot.statuses == ["sent", "delivered", "read"], "the statuses come")
    assert SECRET not in sandbox.said()
    assert TOKEN not in sandbox.said()


def test_a_fault_hits_the_bot(graph: str, bot: Bot, sandbox: Program) -> None:
    fault = {"code": {"code": 130429, "times": 1}}
    httpx.post(f"{graph}/sandbox/faults", json=fault).raise_for_status()

    say(graph, "again")

    wait_until(lambda: bot.refusals == [130429], "Meta refuses the answer")


def test_its_phone_shows_what_the_bot_says_and_the_sandbox_ends_although_pages_are_open(
    graph: str, bot: Bot, sandbox: Program
) -> None:
    live = f"{graph}/phone/live?as={ANA}"
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(httpx.Client(trust_env=False, timeout=180))
        pages = [stack.enter_context(client.stream("GET", live)) for _ in range(20)]
        for page in pages:
            assert "You said: hello" in next(one for one in page.iter_lines() if "data:" in one)
        began = time.monotonic()
        sandbox.process.terminate()
        assert sandbox.process.wait(180) == 0
        assert time.monotonic() - began < 30


def test_a_webhook_that_is_signed_with_another_secret_is_refused_by_the_bot(
    bot: Bot, sandbox: Program
) -> None:
    headers = {"x-hub-signature-256": "sha256=00"}
    answer = httpx.post(f"http://127.0.0.1:{bot.port}/hook", json={}, headers=headers)

    assert answer.status_code == 403


def test_a_sandbox_without_a_webhook_ends_with_a_sentence(tmp_path: Path) -> None:
    program = Program([sys.executable, "-m", "gateway.cli", "sandbox"], {}, tmp_path / "log")

    assert program.process.wait(180) == 2
    assert "Give the address of the bot's webhook as --webhook" in program.said()
