"""A sandbox in the test's own process, and the business's endpoint that it posts to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gateway.sandbox.app import create_app
from gateway.sandbox.config import Config, Number
from gateway.sandbox.simulation.sandbox import Sandbox

NUMBER_ID = "106540352242922"
DISPLAY = "15550001111"
ANA = "351900000001"
SECRET = "test_app_secret"
TOKEN = "EAAsandbox"
APP = "100000000000003"
WABA = "100000000000001"
WORD = "the word"
PATH = f"/v25.0/{NUMBER_ID}/messages"
PATIENCE_S = 60.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Endpoint:
    """The business's webhook: keeps what it gets, answers as told, then always 200."""

    def __init__(
        self,
        answers: list[int | httpx.Response | Exception],
        handshake: httpx.Response | Exception | None = None,
    ) -> None:
        self._handshake = handshake
        self.requests: list[httpx.Request] = []
        self.handshakes: list[httpx.Request] = []
        self.under_way = self.most_under_way = 0
        self.open = asyncio.Event()  # While it is closed, nobody gets an answer.
        self.open.set()
        self._answers = answers
        self._changed = asyncio.Condition()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self._shake(request)
        answer = self._answers.pop(0) if self._answers else 200
        async with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.open.wait()
        finally:
            self.under_way -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(answer)

    def _shake(self, request: httpx.Request) -> httpx.Response:
        """Answer the handshake as an endpoint should, whose verify token is WORD."""
        asked = request.url.params
        self.handshakes.append(request)
        if isinstance(self._handshake, Exception):
            raise self._handshake
        if self._handshake is not None:
            return self._handshake
        if (asked["hub.mode"], asked["hub.verify_token"]) != ("subscribe", WORD):
            return httpx.Response(403)
        return httpx.Response(200, text=asked["hub.challenge"])

    async def wait_for(self, posts: int) -> list[Any]:
        """Wait for so many POSTs, and give the bodies of all."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= posts)
        return [json.loads(request.content) for request in self.requests]

    async def values(self, posts: int) -> list[Any]:
        """Wait for so many POSTs, and give the value of every change in all."""
        bodies = await self.wait_for(posts)
        return [change["value"] for body in bodies for change in body["entry"][0]["changes"]]

    async def statuses(self, posts: int) -> list[Any]:
        """Wait for so many POSTs, and give every status in all."""
        values = await self.values(posts)
        return [status for value in values for status in value.get("statuses", ())]


class Rig:
    """What a test does with a sandbox."""

    def __init__(
        self, client: httpx.AsyncClient, endpoint: Endpoint, clock: Clock, sandbox: Sandbox
    ) -> None:
        self.client = client
        self.endpoint = endpoint
        self.clock = clock
        self.sandbox = sandbox

    async def send(self, body: Any, path: str = PATH) -> httpx.Response:
        return await self.client.post(path, json=body, headers={"authorization": f"Bearer {TOKEN}"})

    async def ask(self, path: str, bearer: str = TOKEN, method: str = "GET", **body: Any) -> Any:
        """Ask Meta's administration; give the object that answers."""
        headers = {"authorization": f"Bearer {bearer}"}
        answer = await self.client.request(
            method, f"/v25.0/{path}", headers=headers, json=body or None
        )
        return answer.json()

    async def say(self, wish: Any, customer: str = ANA) -> httpx.Response:
        return await self.client.post(f"/sandbox/customers/{customer}/messages", json=wish)

    async def events(self, customer: str = ANA, **query: float) -> list[Any]:
        answer = await self.client.get(f"/sandbox/customers/{customer}/events", params=query)
        found: list[Any] = answer.json()
        return found

    async def events_of(self, *kinds: str) -> list[Any]:
        """Return the events of some kinds on Ana's phone."""
        return [event for event in await self.events() if event["kind"] in kinds]

    async def fault(self, wish: Any) -> httpx.Response:
        return await self.client.post("/sandbox/faults", json=wish)

    async def log(self) -> Any:
        return (await self.client.get("/sandbox/log")).json()

    async def settle(self) -> None:
        """Wait until nothing more is owed to the webhook."""
        for _ in range(1000):
            if not (await self.log())["webhooks"]["pending"]:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("updates are still owed to the webhook")


def a_config(**changes: Any) -> Config:
    """Make a configuration whose statuses and second attempts come at once."""
    given: dict[str, Any] = {
        "app_secret": SECRET,
        "access_token": TOKEN,
        "webhook_url": "http://gateway.test/webhook",
        "numbers": (Number(NUMBER_ID, DISPLAY), Number("2", "15550002222")),
        "sent_after_s": 0.0,
        "delivered_after_s": 0.0,
        "read_after_s": 0.0,
        "retry_pauses_s": (0.0, 0.001),
    }
    return Config(**(given | changes))


@asynccontextmanager
async def a_rig(
    answers: list[int | httpx.Response | Exception] | None = None,
    handshake: httpx.Response | Exception | None = None,
    **changes: Any,
) -> AsyncIterator[Rig]:
    """Run a sandbox for the length of a test; `answers` are those of the webhook."""
    endpoint, clock = Endpoint(answers or [], handshake), Clock()
    app = create_app(a_config(**changes), clock=clock, transport=httpx.MockTransport(endpoint))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client,
    ):
        yield Rig(client, endpoint, clock, app.state.sandbox)
