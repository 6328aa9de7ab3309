"""The accounts file: one account more at its end, everything that is there stays unchanged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.accounts.account import Accounts
from gateway.accounts.loader import AccountDefaults, read_accounts
from gateway.accounts.values import ValueReader
from gateway.cli.setup.init import text_file
from gateway.cli.setup.init.text_file import FileError
from gateway.rules.loader import File

USUAL = Path("accounts.yaml")
HEAD = "# docs/accounts.md explains every key.\nversion: 1\naccounts:\n"
READABLE = 0o644  # it holds no secret
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_ITEM = re.compile(r"^( *)- name:", re.MULTILINE)
# Variables that begin like ours would be taken for settings, and none begins with a digit.
_TAKEN = re.compile(r"(META|GATEWAY|REDIS|CELERY|FLOWER|[0-9][^_]*)(_|$)")
# Only the shape is checked here, and accounts without these keys are well-formed.
_DEFAULTS = AccountDefaults("v25.0", 80, Path("rules/"))


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be added: its ids, and the variables in which its values will stand."""

    name: str
    app: str
    waba: str
    number: str
    values: Mapping[str, str] = field(repr=False)  # by name of the variable

    def to_yaml(self, indent: str) -> str:
        """Return the account as an item of the file's list."""
        secret, verify_token, token = self.values
        lines = [
            f"- name: {self.name}",
            f'  app: "{self.app}"',
            f"  secrets: {{env: {secret}}}",
            f"  verify_token: {{env: {verify_token}}}",
            f"  token: {{env: {token}}}",
            "  wabas:",
            f'    - id: "{self.waba}"',
            "      numbers:",
            f'        - id: "{self.number}"',
        ]
        return "".join(f"{indent}{line}\n" for line in lines)


def is_name(text: str) -> bool:
    """Return whether an account may be called so."""
    return _NAME.fullmatch(text) is not None


def variable_names(account: str) -> tuple[str, str, str]:
    """Return the variables for the secret, the verify token and the token of an account."""
    stem = account.upper().replace("-", "_")
    stem = f"ACCOUNT_{stem}" if _TAKEN.match(stem) else stem
    return f"{stem}_APP_SECRET", f"{stem}_VERIFY_TOKEN", f"{stem}_ACCESS_TOKEN"


def append_account(text: str | None, account: NewAccount) -> str:
    """Return the text with one account more, as far indented as the others."""
    if text is None:
        return HEAD + account.to_yaml("  ")
    items = _ITEM.findall(text)
    end = "" if text.endswith("\n") else "\n"
    return text + end + account.to_yaml(items[-1] if items else "  ")


def check_text(path: Path, text: str, env: Mapping[str, str]) -> Accounts:
    """Return the accounts of a text. Raises AccountsError with every mistake in it."""
    return read_accounts(File(str(path), text.encode()), ValueReader(env, path.parent), _DEFAULTS)


def write(path: Path, text: str) -> None:
    """Replace the file atomically, with the access that it had. Raises FileError."""
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = READABLE
    except OSError as error:
        raise FileError(f"Cannot write {path.name}: {error.strerror}.") from None
    text_file.replace(path, text, mode)
