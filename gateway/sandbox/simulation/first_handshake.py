"""Handshake that the sandbox does at its start, for whoever sets nothing up by Graph's calls."""

import asyncio
import sys

from gateway.sandbox.errors import Refusal
from gateway.sandbox.simulation.account import AppSetup, Handshakes

_AGAIN_AFTER_S = 1.0
_PASSED = "passed"


class FirstHandshake:
    """Repeats the handshake with a callback until it passes; the app has no callback before."""

    def __init__(self, setup: AppSetup, verify_token: str) -> None:
        """Take the callback from the set-up, until `run` gives it back."""
        self._setup, self._uri, self._verify_token = setup, setup.callback, verify_token
        self.state = "waiting"
        setup.callback = ""

    async def run(self, handshakes: Handshakes) -> None:
        """Return once the handshake has passed, or another callback was set meanwhile."""
        while not self._setup.callback:
            refusal = await handshakes.refusal(self._uri, self._verify_token)
            self._note(refusal)
            if refusal is None:
                self._setup.callback = self._uri
                return
            await asyncio.sleep(_AGAIN_AFTER_S)

    def _note(self, refusal: Refusal | None) -> None:
        """Print the outcome, each only once in a row."""
        outcome = _PASSED if refusal is None else refusal.message
        if outcome != self.state:
            self.state = outcome
            again = "" if refusal is None else "; it is repeated until it passes"
            sys.stdout.write(f"handshake {outcome}{again}\n")
            sys.stdout.flush()
