"""Client of the sandbox for `gateway chat`."""

from collections.abc import Mapping
from typing import Any, Self

import httpx

TIMEOUT_S = 10.0


class GoneError(Exception):
    """The sandbox does not answer any more."""


class RefusedError(Exception):
    """The sandbox refused a request; the message is its own sentence."""


class SandboxClient:
    """Client of the sandbox: acts for customers, and reads what their phones show."""

    def __init__(self, url: str) -> None:
        """Take the sandbox's address."""
        self._client = httpx.Client(base_url=f"{url}/sandbox", timeout=TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        """Return itself; leaving the context closes the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._client.close()

    def send_message(self, customer: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message or a tap of a customer; return the message as the webhook has it."""
        answer = self._ask("POST", f"/customers/{customer}/messages", json=wish)
        return dict(answer["message"])

    def events(self, customer: str, after: int, wait_s: float) -> list[dict[str, Any]]:
        """Return a phone's events after `after`; waits up to `wait_s` for the first."""
        query = {"after": after, "wait": wait_s}
        answer = self._ask("GET", f"/customers/{customer}/events", params=query)
        return list(answer)

    def arm(self, fault: Mapping[str, Any]) -> None:
        """Set up a fault."""
        self._ask("POST", "/faults", json=fault)

    def codes(self) -> dict[str, Any]:
        """Return the table of Meta's codes."""
        return dict(self._ask("GET", "/codes"))

    def window(self, customer: str) -> dict[str, Any]:
        """Return a customer's window: whether it is open, and for how long."""
        return dict(self._ask("GET", f"/customers/{customer}/window"))

    def expire(self, customer: str, age_s: float) -> None:
        """Let a customer have written so long ago, and enforce the window from then on."""
        self._ask("POST", f"/customers/{customer}/window", json={"age_s": age_s})

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """Return the answer; raises GoneError if there is none, RefusedError if it is an error."""
        try:
            answer = self._client.request(method, path, **more)
            content = answer.json()
        except (httpx.HTTPError, ValueError):
            raise GoneError from None
        if not answer.is_success:
            raise RefusedError(str(content.get("error", "The sandbox refused.")))
        return content
