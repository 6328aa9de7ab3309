"""Self-test: a delivery of our own that takes the whole way in and has no effect; pure."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import typer

from gateway.cli.common import callback_probe
from gateway.cli.common.callback_probe import Probe, ProbeCheck
from gateway.cli.setup.tunnel.gateway import Behind
from gateway.cli.setup.tunnel.screen import Screen
from gateway.config.settings import Settings
from gateway.core.events import Delivery
from gateway.core.webhook.event_keys import digest
from gateway.core.webhook.parser import split
from gateway.store.inbox.lookup import find_event_refs
from gateway.store.redis.client import Store
from gateway.store.tracing import records

# Meta has no such field, so it becomes a notice, which fires no rule and causes no send.
FIELD = "gateway_self_test"


def make_body(waba: str, number: str, nonce: str) -> bytes:
    """Return a delivery that was never sent before, because the nonce makes it unique."""
    value = {"metadata": {"phone_number_id": number}, "nonce": nonce}
    entry = {"id": waba, "changes": [{"field": FIELD, "value": value}]}
    return orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})


def event_key(body: bytes) -> str:
    """Return the key of the event in such a delivery."""
    (event,) = split(Delivery("", datetime.fromtimestamp(0, UTC), body))
    return event.key


LOOK_EVERY_S = 0.2
UP_WITHIN_S = 30.0  # the name of a new tunnel may take so long to resolve
PLANNED_WITHIN_S = 30.0


class TunnelWatch:
    """Polls until a signal asks to stop or a process has died."""

    def __init__(self, behind: Behind, stopping: list[int], screen: Screen) -> None:
        """Take the gateway behind the tunnel, the received signals, and the screen."""
        self._behind, self._stopping, self.screen = behind, stopping, screen

    def go_on(self) -> bool:
        """Wait a moment; return whether to continue."""
        self._behind.check_processes()
        if not self._stopping:
            time.sleep(LOOK_EVERY_S)
        return not self._stopping

    def wait_until_settled(self, look: Callable[[], ProbeCheck], within_s: float) -> ProbeCheck:
        """Repeat a check until its result is final or the time is over."""
        deadline = time.monotonic() + within_s
        check = look()
        while check.passing or check.tone == "wait":
            if not self.go_on():
                raise typer.Exit
            if time.monotonic() > deadline:
                return check
            check = look()
        return check

    def check_address(self, probe: Probe, verify_token: str) -> None:
        """Check that the address leads here and answers the handshake.

        The verify token is sent only to a server that answers as the gateway does.
        """
        looks = (
            lambda: callback_probe.check_health(probe.request_health()),
            lambda: callback_probe.check_handshake(*probe.request_handshake(verify_token)),
        )
        for look in looks:
            self.screen.require(self.wait_until_settled(look, UP_WITHIN_S))

    def check_delivery(self, probe: Probe, settings: Settings, store: Store) -> None:
        """Post a delivery of our own, and check that it was stored and planned, without effect."""
        number, secret = settings.meta_phone_number_id, settings.app_secrets[0]
        body = make_body(settings.meta_waba_id, number, secrets.token_hex(16))
        delivery_check = self.wait_until_settled(
            lambda: callback_probe.check_delivery(probe.post_delivery(body, secret)), UP_WITHIN_S
        )
        if delivery_check.tone == "bad":
            self.screen.require(delivery_check)
        key = event_key(body)
        planned_check = self.wait_until_settled(
            lambda: _check_planned(store, number, key), PLANNED_WITHIN_S
        )
        self.screen.require(planned_check)


def _check_planned(store: Store, number: str, key: str) -> ProbeCheck:
    (event_ref,) = find_event_refs(store, number, [key])
    if event_ref and records.load(store, number, digest(key).hex()) is None:
        message = "a signed delivery was kept and worked off, and had no effect"
        return ProbeCheck("self-test", "good", message)
    if event_ref:
        return ProbeCheck("self-test", "bad", "a rule answered it", "Report it: no rule should.")
    message = "it was acknowledged, and no worker has worked it off"
    advice = (
        "Is gateway worker running, with the REDIS_URL of this folder, and does the address lead "
        "to this gateway and to no other?"
    )
    return ProbeCheck("self-test", "bad", message, advice, passing=True)
