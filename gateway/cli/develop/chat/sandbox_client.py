"""The sandbox as `gateway chat` speaks to it."""

from collections.abc import Mapping
from typing import Any, Self

import httpx

TIMEOUT_S = 10.0


class GoneError(Exception):
    """The sandbox does not answer any more."""


class RefusedError(Exception):
    """The sandbox did not understand; the message is its own sentence."""


class SandboxClient:
    """What customers can do, and what their phones show."""

    def __init__(self, url: str) -> None:
        """Remember where it is."""
        self._client = httpx.Client(base_url=f"{url}/sandbox", timeout=TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the connection back."""
        self._client.close()

    def send_message(self, customer: str, wish: Mapping[str, Any]) -> str:
        """Let a customer write or tap; return the message's id."""
        answer = self._ask("POST", f"/customers/{customer}/messages", json=wish)
        return str(answer["id"])

    def events(self, customer: str, after: int, wait_s: float) -> list[dict[str, Any]]:
        """Return what a phone showed after an event, waiting for the first a while."""
        query = {"after": after, "wait": wait_s}
        answer = self._ask("GET", f"/customers/{customer}/events", params=query)
        return list(answer)

    def arm(self, fault: Mapping[str, Any]) -> None:
        """Let something go wrong."""
        self._ask("POST", "/faults", json=fault)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """Raise GoneError or RefusedError where there is no answer, or no good one."""
        try:
            answer = self._client.request(method, path, **more)
            content = answer.json()
        except (httpx.HTTPError, ValueError):
            raise GoneError from None
        if not answer.is_success:
            raise RefusedError(str(content.get("error", "The sandbox refused.")))
        return content
