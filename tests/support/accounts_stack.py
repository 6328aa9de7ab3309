"""A whole gateway with three accounts, of which a test breaks one while it watches the others.

Values stand in files, so that a test can change them while everything runs.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from gateway.accounts.account import Accounts
from gateway.accounts.loader import load_accounts
from gateway.config.settings import Settings
from gateway.core.alerts import HealthProblem
from gateway.store import keys
from gateway.store.monitoring import snapshot
from gateway.store.monitoring.number_state import NumberState
from gateway.store.monitoring.problems import find_problems
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack, signed
from tests.support.store.raw import raw
from tests.support.tasks.worker_state import make_due

AT_ONCE = 8
# How many look at the files: the children of a worker and its watch of alerts each for themselves.
LOOKERS = {"web": 1, "inbound": 3, "outbound": 2}
REPLY = "version: 1\nrules: [{name: it, when: {event: message}, then: from the %s}]\n"


@dataclass(frozen=True)
class AppOfTest:
    """One account: an app with a WhatsApp account and its numbers."""

    name: str
    app: str
    numbers: Sequence[str]
    has_proof: bool = False

    @property
    def secret(self) -> str:
        return f"secret of the {self.name}"

    @property
    def token(self) -> str:
        return f"EAA{self.name}"

    def lines(self, rules: str = "") -> list[str]:
        """Return the account as the file has it."""
        return [
            f"  - name: {self.name}",
            f"    app: '{self.app}'",
            f"    secrets: {{file: {self.name}.secret}}",
            f"    verify_token: {{file: {self.name}.verify}}",
            f"    token: {{file: {self.name}.token}}",
            f"    appsecret_proof: {'yes' if self.has_proof else 'no'}",
            f"    rules: {rules or self.name + '.yaml'}",
            "    wabas:",
            f"      - id: '{self.app}0'",
            f"        numbers: [{', '.join(f'{{id: {one!r}}}' for one in self.numbers)}]",
        ]

    def sandbox(self, url: str) -> dict[str, Any]:
        """Return the app as the sandbox has it."""
        return {
            "app_id": self.app,
            "app_secret": self.secret,
            "access_token": self.token,
            "webhook_url": f"{url}/webhook/{self.name}",
            "waba_id": f"{self.app}0",
            "numbers": [{"id": one, "display": f"1555000{one}"} for one in self.numbers],
            "require_proof": self.has_proof,
        }


SHOP = AppOfTest("shop", "501", ("1001", "1002"))
CLINIC = AppOfTest("clinic", "502", ("2001",), has_proof=True)
HOTEL = AppOfTest("hotel", "503", ("3001",))
ALL = (SHOP, CLINIC, HOTEL)


@dataclass(frozen=True)
class Letter:
    """A message that a customer wrote to a number, and when."""

    number: str
    customer: str
    at: float


def accounts_file(accounts: Sequence[AppOfTest], rules: Mapping[str, str]) -> str:
    """Return the file of accounts; `rules` name other rules than an account's own."""
    lines = [line for one in accounts for line in one.lines(rules.get(one.name, ""))]
    return "\n".join(["version: 1", "accounts:", *lines, ""])


def put_file(file: Path, text: str) -> None:
    """Put a file in the place of another one at once, as editors do."""
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").replace(file)


class AccountsStack:
    """Three accounts, their customers, and the figures of each number."""

    def __init__(self, folder: Path, server: Server, **env: str) -> None:
        self.stack = Stack(folder, server, GATEWAY_INSTALLATION="three", **env)
        for name in ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"):
            del self.stack.env[name]
        del self.stack.env["META_PHONE_NUMBER_ID"]
        self.file = folder / "accounts.yaml"
        self.stack.env["GATEWAY_ACCOUNTS"] = str(self.file)
        self.store = Store(server.url)
        self.accounts: Accounts | None = None
        self.alerts: list[Any] = []  # that were posted
        for one in ALL:
            self.set_value(one, "secret", one.secret)
            self.set_value(one, "verify", f"verify {one.name}")
            self.set_value(one, "token", one.token)
            (folder / f"{one.name}.yaml").write_text(REPLY % one.name)
        self.write_file(*ALL)
        self._customers = 0

    def start(self) -> "AccountsStack":
        """Start the sandbox with three apps, the web process, workers and beat."""
        first, *more = [one.sandbox(self.stack.url) for one in ALL]
        pauses_s = {"retry_pauses_s": [0.1], "read_after_s": None}
        self.stack.start(sandbox=first | pauses_s | {"more_apps": more})
        self.accounts = load_accounts(Settings.from_env(self.stack.env))
        return self

    def stop(self) -> None:
        self.stack.stop()
        self.store.close()

    def set_value(self, account: AppOfTest, kind: str, value: str) -> None:
        """Put another secret or token into its file, as tools that rotate them do."""
        put_file(self.stack.folder / f"{account.name}.{kind}", value)

    def write_file(self, *accounts: AppOfTest, rules: Mapping[str, str] | None = None) -> None:
        """Put another file of accounts in the place of the present one."""
        put_file(self.file, accounts_file(accounts, rules or {}))

    @contextmanager
    def reloads(self) -> Iterator[None]:
        """Wait until all processes have taken up the accounts that the block changes."""
        wanted = {name: self._loaded(name) + count for name, count in LOOKERS.items()}
        yield
        for name, count in wanted.items():
            wait_until(partial(self._has_loaded, name, count), f"{name} has read them")

    def _has_loaded(self, program: str, count: int) -> bool:
        return self._loaded(program) >= count

    def _loaded(self, program: str) -> int:
        return self.stack.programs[program].said().count('"accounts_loaded"')

    def write(self, numbers: Mapping[str, int]) -> list[Letter]:
        """Let new customers write to numbers, so many to each, all at the same time."""
        wanted = Counter(numbers)
        order = [number for turn in range(max(wanted.values())) for number in wanted
                 if wanted[number] > turn]  # fmt: skip
        first = self._customers
        self._customers += len(order)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            customers = (f"3519{first + i:08d}" for i in range(len(order)))
            return list(pool.map(self._write_one, order, customers))

    def _write_one(self, number: str, customer: str) -> Letter:
        at = time.time()
        answer = self.stack.client.post(
            f"{self.stack.meta_url}/sandbox/customers/{customer}/messages",
            json={"text": "hi", "number": number},
        )
        assert answer.status_code == 200, answer.text
        return Letter(number, customer, at)

    def answers(self, letters: Sequence[Letter]) -> Counter[str]:
        """Count the replies that the sandbox accepted, by the customer who got them."""
        return Counter(one["to"].lstrip("+") for one in self._replies(letters))

    def delays(self, letters: Sequence[Letter]) -> list[float]:
        """Return how long each letter waited for its reply, in seconds."""
        at = {one.customer: one.at for one in letters}
        return [one["at"] - at[one["to"].lstrip("+")] for one in self._replies(letters)]

    def _replies(self, letters: Sequence[Letter]) -> list[dict[str, Any]]:
        wanted = {(one.number, one.customer) for one in letters}
        return [one for one in self.stack.posted()
                if (one["number"], one["to"].lstrip("+")) in wanted]  # fmt: skip

    def wait_for_answers(self, letters: Sequence[Letter], within_s: float = 90) -> None:
        """Wait until each of these letters is answered."""
        wait_until(
            lambda: self.answers(letters).total() >= len(letters), "all are answered", within_s
        )

    def deliver(self, account: AppOfTest, body: bytes, secret: str = "") -> httpx.Response:
        """Deliver a body to the address of an account, signed with its secret or another."""
        headers = {
            "content-type": "application/json",
            "x-hub-signature-256": signed(body, secret or account.secret),
        }
        url = f"{self.stack.url}/webhook/{account.name}"
        return self.stack.client.post(url, content=body, headers=headers)

    def set_token(self, account: AppOfTest, **changes: Any) -> None:
        """Change what the sandbox accepts as the token of an app."""
        self._control("token", {"app": account.app, **changes})

    def arm(self, **faults: Any) -> None:
        """Let things go wrong at Meta."""
        self._control("faults", faults)

    def faults(self) -> Any:
        """Return what may still go wrong."""
        return self.stack.client.get(f"{self.stack.meta_url}/sandbox/faults").json()

    def disarm(self) -> None:
        """Let nothing go wrong at Meta any more."""
        self.stack.client.delete(f"{self.stack.meta_url}/sandbox/faults")

    def refused(self) -> Counter[int]:
        """Count Meta's refusals, by code."""
        return Counter(one["code"] for one in self.stack.judged()["refused"])

    def _control(self, what: str, body: Any) -> None:
        answer = self.stack.client.post(f"{self.stack.meta_url}/sandbox/{what}", json=body)
        assert answer.status_code == 200, answer.text

    def snapshot(self) -> snapshot.Snapshot:
        """Read the state of everything."""
        return snapshot.read(self.store, 0, self.accounts)

    def figures(self, account: AppOfTest) -> dict[str, NumberState]:
        """Return everything that the store counts of an account's numbers."""
        return {one.number: one for one in self.snapshot().numbers if one.number in account.numbers}

    def problems(self) -> list[HealthProblem]:
        """Return everything that is wrong."""
        return list(find_problems(self.snapshot()))

    def is_paused(self, number: str) -> bool:
        """Say whether a number is paused."""
        return pauses.pauses_by_number(self.store, [number])[number].pause is not None

    def recover(self, account: AppOfTest) -> None:
        """Let waiting times be over, which are minutes: those of pauses, rests and deliveries."""
        for number in account.numbers:
            raw(self.store).hdel(f"{keys.number(number)}tokens", "rest", "slow")
            raw(self.store).hdel(pauses.pauses_key(number), "late")
        pauses.probe_now(self.store, account.numbers, None)
        make_due(self.store)
        rings = "; ".join(f"ring_anyway({one!r}, 'reply')" for one in account.numbers)
        self.stack.call_python("-c", f"from tasks.wakeup import ring_anyway; {rings}")
