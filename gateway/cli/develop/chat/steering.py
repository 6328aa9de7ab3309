"""Steering of what `gateway chat` plays against: faults, the window, and opening hours."""

import re
import time

from gateway.cli.develop.chat.commands import FAULTS
from gateway.cli.develop.chat.customer_messages import InputError
from gateway.cli.develop.chat.explain import ChatTraces
from gateway.cli.develop.chat.sandbox_client import SandboxClient
from gateway.cli.local import trial_hours
from gateway.rules.opening_hours import is_trial_now

_COUNT = re.compile(r"\d{1,5}", re.ASCII)
_FAIL = re.compile(r"(\d{1,8})(?:\s+(\d{1,5}))?", re.ASCII)
IN_FORCE_WITHIN_S = 8.0  # workers take up a change once two looks, a second apart, see the same
LOOK_EVERY_S = 0.1
EXPIRED_S = 25 * 60 * 60


class Steering:
    """Changes what the sandbox and the workers of this folder do next; returns what it did."""

    def __init__(self, sandbox: SandboxClient, traces: ChatTraces) -> None:
        """Steer one sandbox, and the workers that a store belongs to."""
        self._sandbox, self._traces = sandbox, traces

    def arm(self, command: str, times: str) -> str:
        """Set up a fault of FAULTS, once if no number is given. Raises InputError."""
        if not _COUNT.fullmatch(times := times or "1"):
            raise InputError(f"Write {command}, or {command} 3 for three times.")
        effect, fault = FAULTS[command]
        self._sandbox.arm(fault(int(times)))
        return f"{effect}: {times} × from now"

    def fail(self, written: str) -> str:
        """Let the next messages fail with a code of Meta's. Raises InputError."""
        found = _FAIL.fullmatch(written)
        if not found:
            raise InputError("Write a code of Meta's behind it, such as /fail 131026.")
        code, times = int(found[1]), int(found[2] or 1)
        known = self._sandbox.codes().get(str(code), {})
        self._sandbox.arm({"code": {"code": code, "times": times}})
        way = "by a failed status" if known.get("by_status") else "in Meta's answer"
        title = known.get("title", "a code that the sandbox does not know")
        return f"({code}) {title}, {way}: {times} × from now"

    def describe_window(self, customer: str) -> str:
        """Describe for how long Meta and the gateway take messages to be free."""
        window = self._sandbox.window(customer)
        meta = (
            f"open for {_hours(window['closes_in_s'])} more"
            if window["open"]
            else "closed: only templates arrive"
        )
        opened_at = self._traces.contact(customer).window_opened_at
        ours = f"{opened_at:%Y-%m-%d %H:%M} UTC" if opened_at else "never"
        return f"window at Meta: {meta}\nlast message or call that the gateway knows: {ours}"

    def expire_window(self, customer: str) -> str:
        """End the window at Meta, as if the customer had written long ago."""
        self._sandbox.expire(customer, EXPIRED_S)
        return (
            "the window at Meta is closed until you write again: what is sent before fails with"
            " 131047\n(/fail 131047 lets the next answer meet a closed window)"
        )

    def set_hours(self, written: str) -> str:
        """Set what opening hours take for now, and wait until the workers do. Raises InputError."""
        now = "" if written == "auto" else " ".join(written.lower().split())
        if not written:
            return f"opening hours take for now: {trial_hours.read() or 'the time that it is'}"
        if now and not is_trial_now(now):
            raise InputError("Write /hours open, closed, 18:30, sun 18:30, or auto.")
        trial_hours.write(now)
        in_force = "in force" if self._await_force() else "taken up within a few seconds"
        return f"opening hours take for now: {now or 'the time that it is'} ({in_force})"

    def _await_force(self) -> bool:
        deadline = time.monotonic() + IN_FORCE_WITHIN_S
        while not (is_in_force := self._traces.is_in_force()) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        return is_in_force


def _hours(seconds: float) -> str:
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes} min"
