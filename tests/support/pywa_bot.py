"""A bot made with pywa, as for Meta: its own webhook route and app secret, and a base URL.

`python -m tests.support.pywa_bot PORT API KEY NUMBER SECRET` serves it until it is killed.
"""

import sys
from typing import Any

import fastapi
import httpx
import uvicorn
from pywa import filters
from pywa.client import WhatsApp
from pywa.handlers import MessageHandler, MessageStatusHandler
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus


def make_bot(api: str, key: str, number: str, secret: str) -> fastapi.FastAPI:
    """Make a bot that repeats each text, and says of each status of its own which one it was."""
    server = fastapi.FastAPI()
    session = httpx.Client(timeout=180)
    bot = WhatsApp(
        phone_id=number,
        token=key,
        session=session,
        server=server,
        webhook_endpoint="/webhook",
        verify_token="a verify token",
        app_secret=secret,
    )
    session.base_url = httpx.URL(f"{api}/v25.0")  # pywa has set Meta's

    def repeat(_: WhatsApp, message: Message) -> None:
        message.reply_text(f"You said: {message.text}", quote=True, tracker=message.text)

    def note(_: WhatsApp, status: MessageStatus[Any]) -> None:
        sys.stdout.write(f"delivered {status.tracker}\n")
        sys.stdout.flush()

    bot.add_handlers(
        MessageHandler(repeat, filters.text), MessageStatusHandler(note, filters.delivered)
    )

    @server.get("/healthz")
    def healthy() -> None:
        """Answer at all."""

    return server


if __name__ == "__main__":
    port, *given = sys.argv[1:]
    uvicorn.run(make_bot(*given), host="127.0.0.1", port=int(port), log_level="warning")
