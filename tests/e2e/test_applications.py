"""Applications behind the gateway: a bot made for Meta, and the example of docs/application.md."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, free_port, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
KEY, BOT_SECRET = "a-key-of-the-environment", "an-app-secret-of-its-own"
APP_SECRET = f"whsec_{base64.b64encode(b'a' * 32).decode()}"
ANA, BEN = "351900000001", "351900000002"
RULES = """\
version: 1
forwards:
  - {{to: bot, url: "{bot}/webhook", secret: BOT_SECRET, events: [status], as: meta}}
  - {{to: app, url: "{app}/events", secret: APP_SECRET}}
rules:
  - name: order
    when: {{text: {{matches: 'order [0-9]{{6}}'}}}}
    then: [{{forward: app}}, leave]
  - name: anything else
    then: {{forward: bot}}
"""


class Applications(Stack):
    """The gateway with two applications behind it."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.bot_port, self.app_port = free_port(), free_port()
        self.bot, self.app = (f"http://127.0.0.1:{port}" for port in (self.bot_port, self.app_port))
        super().__init__(
            folder,
            server,
            RULES.format(bot=self.bot, app=self.app),
            GATEWAY_API_KEYS=KEY,
            BOT_SECRET=BOT_SECRET,
            APP_SECRET=APP_SECRET,
            GATEWAY_API_KEY=KEY,
        )
        self.env["GATEWAY_API"] = self.api

    def command(self, kind: str) -> Sequence[str]:
        """Return also what becomes an application."""
        port, given = str(self.bot_port), (self.api, KEY, NUMBER, BOT_SECRET)
        app = ["--app-dir", str(ROOT / "examples/application"), "--port", str(self.app_port)]
        commands: dict[str, Sequence[str]] = {
            "bot": ["-m", "tests.support.pywa_bot", port, *given],
            "app": ["-m", "uvicorn", "app:app", *app],
        }
        return commands.get(kind) or super().command(kind)

    def start_application(self, kind: str, url: str) -> None:
        self.run(kind)
        wait_until(lambda: answers(url), f"the {kind} answers")

    def write(self, *texts: str) -> None:
        """Let two customers write texts, in turn."""
        for i, text in enumerate(texts):
            item = message_item(f"wamid.{text}", text, (ANA, BEN)[i % 2])
            assert self.post(with_user_id(delivery_body(item))).status_code == 200

    def answers_to(self, *texts: str) -> dict[str, list[Any]]:
        """Return what was sent in answer to each text, by what is quoted."""
        quoted = [(one["body"].get("context", {}).get("message_id"), one) for one in self.posted()]
        return {
            text: [one["body"]["text"]["body"] for wamid, one in quoted if wamid == f"wamid.{text}"]
            for text in texts
        }


def with_user_id(body: bytes) -> bytes:
    """Name the customer also by Meta's user id, without which pywa takes no message."""
    given = json.loads(body)
    (contact,) = given["entry"][0]["changes"][0]["value"]["contacts"]
    contact["user_id"] = f"PT.{contact['wa_id']}"
    return json.dumps(given).encode()


def answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applications]:
    folder = tmp_path_factory.mktemp("applications")
    server = Server(folder / "valkey").start()
    made = Applications(folder, server)
    try:
        made.start()
        made.run("outgoing")
        yield made
    finally:
        made.stop()
        server.kill()


def all_answered(stack: Applications, texts: Sequence[str]) -> Callable[[], bool]:
    return lambda: all(stack.answers_to(*texts).values())


def test_a_bot_of_pywas_that_is_killed_and_comes_back_loses_nothing(stack: Applications) -> None:
    before, meanwhile, after = (
        [f"{when} {i}" for i in range(4)] for when in ("before", "meanwhile", "after")
    )
    texts = [*before, *meanwhile, *after]
    stack.start_application("bot", f"{stack.bot}/healthz")

    stack.write(*before)
    wait_until(all_answered(stack, before), "the bot answers")
    stack.programs["bot"].kill()
    stack.write(*meanwhile)
    wait_until(lambda: failed_posts(stack) > 0, "a post to the dead bot failed")
    stack.start_application("bot", f"{stack.bot}/healthz")
    stack.write(*after)
    wait_until(all_answered(stack, texts), "the bot answers all of them")

    assert stack.answers_to(*texts) == {text: [f"You said: {text}"] for text in texts}
    said = stack.programs["bot"].said
    wait_until(lambda: all(f"delivered {text}\n" in said() for text in texts), "statuses arrive")


def failed_posts(stack: Applications) -> int:
    return stack.programs["outgoing"].said().count("Connection refused")


def test_the_example_answers_each_event_once_also_after_a_kill(stack: Applications) -> None:
    texts = ["order 123456", "order 123457", "order 999999"]
    stack.write(*texts[:1])
    wait_until(lambda: '"app"' in stack.programs["outgoing"].said(), "a post is tried")
    stack.start_application("app", f"{stack.app}/")
    stack.write(*texts[1:])
    wait_until(all_answered(stack, texts), "the application answers")

    assert stack.answers_to(*texts) == {
        "order 123456": ["Order 123456 is on its way."],
        "order 123457": ["Order 123457 is ready in the shop."],
        "order 999999": ["Order 999999 is unknown to me."],
    }
