"""Requests to the API among the deliveries: each has a key, and is repeated until accepted."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

KEY = "a-key-of-the-requests-of-chaos"
EVERY = 5  # of so many numbers one is a request, and of these every third is scheduled
AHEAD = timedelta(seconds=1.5)
PREFIX = "3518"  # of the people who get them, one for each


class Requests:
    """Posts requests by number, and knows the id that each was given first.

    Were a key ever to become two messages, both would go to the same person, who gets but one.
    """

    def __init__(self, client: httpx.Client, address: str) -> None:
        self.ids: dict[int, str] = {}
        self._client = client
        self._address = f"{address}/v1/messages"
        self._moments: dict[int, str] = {}

    def post(self, number: int) -> bool:
        """Say whether the request of this number was accepted."""
        key = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": f"chaos-{number}"}
        answer = self._client.post(self._address, json=self._body(number), headers=key)
        if answer.status_code != 202:
            return False
        self.ids.setdefault(number, answer.json()["id"])
        return True

    def _body(self, number: int) -> dict[str, Any]:
        """Return a template for somebody who never wrote, which needs no open window."""
        template = {"name": "order_sent", "language": "en"}
        body = {"to": f"+{recipient(number)}", "template": template}
        if number // EVERY % 3:
            return body
        at = (datetime.now(UTC) + AHEAD).isoformat()
        return body | {"send_at": self._moments.setdefault(number, at)}


def is_request(number: int) -> bool:
    """Say whether a number is that of a request, and not of a delivery."""
    return number >= 0 and number % EVERY == EVERY - 1


def recipient(number: int) -> str:
    """Return who gets the message of a request: nobody else's."""
    return f"{PREFIX}{number:08d}"


def recipients(posted: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield to whom each post of a request went."""
    for one in posted:
        if (to := str(one["to"]).removeprefix("+")).startswith(PREFIX):
            yield to
