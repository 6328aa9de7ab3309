"""Accounts files for tests: written, with the environment in which their values stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.accounts.account import Accounts
from gateway.accounts.loader import AccountDefaults, read_accounts
from gateway.accounts.values import ValueReader
from gateway.rules.loader import read_file

DEFAULTS = AccountDefaults("v25.0", 80, Path("rules/"))


@dataclass(frozen=True)
class TestAccount:
    """One account of a test: its values stand in the environment under its name."""

    __test__ = False

    name: str
    numbers: Sequence[str]
    app: str
    more: str = ""  # keys of the account, a line each
    secret: str = ""
    waba: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment that the account needs."""
        stem = self.name.upper().replace("-", "_")
        return {
            f"{stem}_SECRET": self.secret or f"secret of {self.name}",
            f"{stem}_VERIFY": f"verify {self.name}",
            f"{stem}_TOKEN": f"EAA-{self.name}",
        } | dict(self.env)

    def lines(self) -> list[str]:
        """Return the account as the file has it."""
        stem = self.name.upper().replace("-", "_")
        return [
            f"  - name: {self.name}",
            f"    app: '{self.app}'",
            f"    secrets: {{env: {stem}_SECRET}}",
            f"    verify_token: {{env: {stem}_VERIFY}}",
            f"    token: {{env: {stem}_TOKEN}}",
            *(f"    {line}" for line in self.more.splitlines()),
            "    wabas:",
            f"      - id: '{self.waba or self.app + '0'}'",
            "        numbers:",
            *(f"          - id: '{number}'" for number in self.numbers),
        ]


def accounts_text(accounts: Sequence[TestAccount]) -> str:
    """Return the file of accounts."""
    lines = [line for one in accounts for line in one.lines()]
    return "\n".join(["version: 1", "accounts:", *lines, ""])


def variables(accounts: Sequence[TestAccount]) -> dict[str, str]:
    """Return the environment that all accounts need."""
    return {name: value for one in accounts for name, value in one.variables.items()}


def read(text: str, folder: Path, env: Mapping[str, str]) -> Accounts:
    """Read a file of accounts with this text. Raises AccountsError."""
    file = folder / "accounts.yaml"
    file.write_text(text)
    return read_accounts(read_file(file), ValueReader(env, folder), DEFAULTS)


SHOP = TestAccount("shop", ["1001", "1002"], "501")
CLINIC = TestAccount("clinic", ["2001"], "502")
HOTEL = TestAccount("hotel", ["3001"], "503")


def write_accounts(folder: Path, accounts: Sequence[TestAccount]) -> dict[str, str]:
    """Write the file of accounts; return the environment of a process that uses it."""
    file = folder / "accounts.yaml"
    file.write_text(accounts_text(accounts))
    return variables(accounts) | {
        "GATEWAY_ACCOUNTS": str(file),
        "GATEWAY_INSTALLATION": "fleet",
    }
