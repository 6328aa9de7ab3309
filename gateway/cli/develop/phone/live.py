"""Live updates of a page: one stream of server-sent events for all phones that it shows."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import orjson

from gateway.cli.develop.phone.bubbles import render_line
from gateway.cli.develop.phone.chat_log import ChatLine, ChatLog, read_log
from gateway.sandbox.simulation.policy import window_left_s
from gateway.sandbox.simulation.sandbox import Sandbox
from gateway.sandbox.templates import as_form

# Between two updates: what happens meanwhile comes with the next one.
PAUSE_S = 0.1
# A proxy or a browser that hears nothing gives a stream up.
BEAT_S = 15.0
LINES_MAX = 200  # that a page gets at first
# The sandbox forgets all events at its end; a place in the events of an earlier one means nothing.
_RUN = secrets.token_hex(4)

Places = dict[str, int]  # of each customer, the last event that the page knows


def format_places(places: Mapping[str, int]) -> str:
    """Return places as the id of an event."""
    return "|".join([_RUN, *(f"{customer}:{seq}" for customer, seq in places.items())])


def parse_places(text: str, customers: Iterable[str]) -> Places:
    """Return the places that an id names, 0 for whatever it does not know."""
    run, *pairs = text.split("|")
    known = dict(pair.split(":", 1) for pair in pairs if ":" in pair) if run == _RUN else {}
    return {one: int(at) if (at := known.get(one, "")).isdecimal() else 0 for one in customers}


class LivePhones:
    """Phones of a sandbox as a page shows them."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Read from one sandbox."""
        self._sandbox = sandbox

    def log(self, customer: str) -> ChatLog:
        """Return the chat log of a customer's phone."""
        events = self._sandbox.phones.of(self._key(customer)).after(0)
        # The bodies of messages are bytes until they are written as JSON.
        return read_log(orjson.loads(orjson.dumps(events)))

    async def stream(self, places: Places) -> AsyncIterator[bytes]:
        """Yield an event for each change, beginning with all that is new after `places`."""
        for customer in places:
            self._sandbox.phones.of(self._key(customer)).shows_statuses = True
        shown: Any = None
        while not self._sandbox.phones.is_closed:
            updates = [self._update(customer, seq) for customer, seq in places.items()]
            faults = self._sandbox.faults.show()
            changed = [one for one in updates if one["seq"] != places[one["customer"]]]
            if changed or faults != shown:
                shown = faults
                places = {one["customer"]: one["seq"] for one in updates}
                yield _event(format_places(places), self._content(changed or updates, faults))
                await asyncio.sleep(PAUSE_S)
            elif not await self._wait(places):
                yield b": nothing new\n\n"

    def _content(self, phones: list[dict[str, Any]], faults: Any) -> dict[str, Any]:
        return {"phones": phones, "faults": faults, "ahead_s": self._sandbox.ahead_s}

    def _key(self, customer: str) -> str:
        return self._sandbox.customers.of(customer).key

    async def _wait(self, places: Places) -> bool:
        """Wait for an event on one of the phones; return whether there was one in time."""
        waiting = [
            asyncio.create_task(
                self._sandbox.phones.of(self._key(customer)).wait_after(seq, BEAT_S)
            )
            for customer, seq in places.items()
        ]
        try:
            done, _ = await asyncio.wait(
                waiting, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED
            )
            return any(task.result() for task in done)
        finally:
            for task in waiting:
                task.cancel()

    def _update(self, customer: str, seq: int) -> dict[str, Any]:
        """Return what is new on a phone after an event."""
        log = self.log(customer)
        is_reset = seq > log.seq  # the phone made room, and began anew
        lines = [line for line in log.lines if is_reset or line.seq > seq]
        return {
            "customer": customer,
            "seq": log.seq,
            "reset": is_reset or seq == 0,
            "typing": log.is_typing,
            "window_s": self._window_s(customer),
            "lines": [self._line(customer, line) for line in lines[-LINES_MAX:]],
        }

    def _line(self, customer: str, line: ChatLine) -> dict[str, str]:
        html = render_line(customer, line, self._template(line.body))
        return {"id": f"{customer}-{line.number}", "html": html}

    def _template(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the definition of the template that a message sends, if it is set whole."""
        match body:
            case {"type": "template", "template": {"name": str(name)}}:
                known = self._sandbox.policy.templates.get(name)
                components = as_form(known).components if known else ()
                return {"components": list(components)} if components else None
            case _:
                return None

    def _window_s(self, customer: str) -> float:
        sandbox = self._sandbox
        number, person = sandbox.config.numbers[0], sandbox.customers.of(customer)
        return window_left_s(person, number.id, sandbox.clock())


def _event(id_: str, content: Mapping[str, Any]) -> bytes:
    return b"id: %s\ndata: %s\n\n" % (id_.encode(), orjson.dumps(content))
