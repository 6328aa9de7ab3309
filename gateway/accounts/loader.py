"""Loader of the accounts, which reports all mistakes of their file at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.accounts.account import (
    UNNAMED,
    Account,
    Accounts,
    AppSecret,
    GraphCredentials,
    OwnNumber,
)
from gateway.accounts.checks import account_name, find_mistakes
from gateway.accounts.file_shape import AccountModel, AccountsModel, WabaModel, known_keys
from gateway.accounts.rule_zones import find_zone_conflicts
from gateway.accounts.values import ValueReader, ValueReference
from gateway.config.environment import DOTENV, SettingsError, environment, value_files
from gateway.config.settings import Settings
from gateway.rules.loader import File, read_file
from gateway.rules.problems import Mark, Problem, limit_problems
from gateway.rules.yaml.errors import describe_error
from gateway.rules.yaml.nodes import Map, parse


class AccountProblem(Problem):
    """One mistake in the accounts file, with the account in place of a rule."""

    about = "account"


class AccountsError(Exception):
    """The accounts cannot be used; `problems` has every mistake of their file."""

    reason = "accounts_broken"

    def __init__(self, problems: list[AccountProblem]) -> None:
        """Store the list, and put all of it into the message."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


@dataclass(frozen=True, slots=True)
class AccountDefaults:
    """Values for an account that gives none of its own."""

    graph_version: str
    pace: int
    rules: Path


class AccountsReader:
    """Reader of all accounts: those of the file GATEWAY_ACCOUNTS, else the one of the settings.

    `paths` are the files that the last reading looked at, which may change.
    """

    def __init__(
        self, settings: Settings, read_settings: Callable[[], Settings] = Settings.from_env
    ) -> None:
        """Take the settings, and the function that reads the variables again."""
        self._settings, self._read_settings = settings, read_settings
        self.paths: tuple[Path, ...] = ()

    def read(self) -> Accounts:
        """Read the accounts. Raises AccountsError or SettingsError with every mistake."""
        env = environment()
        if self._settings.gateway_accounts:
            return self._read_file(self._settings.gateway_accounts, env)
        self.paths = (DOTENV, *value_files(Settings.model_fields, env))
        settings = self._read_settings()
        if settings.gateway_accounts:  # the variables need not describe an account any more
            raise SettingsError(["GATEWAY_ACCOUNTS is set by now: restart, to serve its accounts"])
        return Accounts([account_of_settings(settings)])

    def read_first(self) -> Accounts:
        """Read the accounts, those of the settings as they were given."""
        if self._settings.gateway_accounts:
            return self.read()
        self.paths = (DOTENV, *value_files(Settings.model_fields, environment()))
        return Accounts([account_of_settings(self._settings)])

    def _read_file(self, path: Path, env: Mapping[str, str]) -> Accounts:
        settings, values = self._settings, ValueReader(env, path.parent)
        self.paths = (path, DOTENV)
        defaults = AccountDefaults(
            settings.meta_graph_version, settings.meta_messages_per_second, settings.gateway_rules
        )
        try:
            return read_accounts(read_file(path), values, defaults)
        finally:
            self.paths += values.paths


def load_accounts(settings: Settings) -> Accounts:
    """Load all accounts. Raises AccountsError with every mistake of their file."""
    return AccountsReader(settings).read_first()


def account_of_settings(settings: Settings) -> Account:
    """Return the one account that the variables describe; every number is its own."""
    number = OwnNumber(
        settings.meta_phone_number_id,
        settings.meta_waba_id,
        settings.meta_messages_per_second,
        GraphCredentials(
            settings.meta_access_token.get_secret_value(), settings.meta_graph_version
        ),
    )
    return Account(
        name=UNNAMED,
        app=settings.meta_app_id,
        secrets=tuple(map(AppSecret.of, settings.app_secrets)),
        verify_token=settings.meta_verify_token.get_secret_value(),
        numbers=(number,),
        rules=settings.gateway_rules,
        is_default=True,
        owns_all=True,
        wabas=(settings.meta_waba_id,) if settings.meta_waba_id else (),
    )


def read_accounts(file: File, values: ValueReader, defaults: AccountDefaults) -> Accounts:
    """Read the accounts of a file. Raises AccountsError with every mistake in it."""
    if file.problem:
        raise AccountsError([_problem(file.name, file.problem.mark, "", file.problem.message)])
    try:
        text = file.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = file.content[: error.start].split(b"\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        raise AccountsError([_problem(file.name, mark, "", "is not UTF-8")]) from None
    tree, found = parse(file.name, text)
    problems = [_problem(one.file, one.mark, one.rule, one.message) for one in found]
    if isinstance(tree, Map):
        model, more = _validate(file.name, tree, values, defaults)
        problems += more
        if model and not problems:
            return Accounts(_build_accounts(model, values, defaults, Path(file.name).parent))
    elif tree is not None:
        message = "a file of accounts begins with `version: 1`"
        problems.append(_problem(file.name, tree.mark, "", message))
    raise AccountsError(sorted(limit_problems(problems)))  # type: ignore[arg-type]


def _validate(
    file: str, tree: Map, values: ValueReader, defaults: AccountDefaults
) -> tuple[AccountsModel | None, list[AccountProblem]]:
    """Check the shape of the file, and what is beyond it even where the shape is wrong."""
    found = chain(
        find_mistakes(tree, values), find_zone_conflicts(tree, Path(file).parent, defaults.rules)
    )
    beyond = [_problem(file, *one) for one in found]
    try:
        return AccountsModel.model_validate(tree), beyond
    except ValidationError as error:
        shape = [_shape_problem(file, tree, one) for one in error.errors(include_url=False)]
        return None, shape + beyond


def _shape_problem(file: str, tree: Map, error: ErrorDetails) -> AccountProblem:
    path, account, steps = error["loc"], "", 0
    if path[:1] == ("accounts",) and len(path) > 1 and isinstance(path[1], int):
        accounts: Any = tree["accounts"]
        account, steps = (
            account_name(accounts[path[1]] if isinstance(accounts, list) else accounts),
            2,
        )
    mark, message = describe_error(tree, error, known_keys, steps)
    return _problem(file, mark, account, message)


def _problem(file: str, mark: Mark, account: str, message: str) -> AccountProblem:
    return AccountProblem(file, mark, account, message)


@dataclass(frozen=True, slots=True)
class _AccountBuilder:
    """Builder of one account, whose values are all there."""

    model: AccountModel
    values: ValueReader = field(repr=False)
    defaults: AccountDefaults
    folder: Path

    def build(self) -> Account:
        model = self.model
        return Account(
            name=model.name,
            app=model.app,
            secrets=self._secrets(),
            verify_token=self._value(model.verify_token, "verify_token"),
            numbers=tuple(self._numbers()),
            rules=self.folder / model.rules if model.rules else self.defaults.rules,
            is_default=model.default,
            wabas=tuple(waba.id for waba in model.wabas),
            time_zone=model.time_zone or "",
            country=model.country or "",
            portfolio=model.portfolio or "",
        )

    def _numbers(self) -> Iterator[OwnNumber]:
        for waba in self.model.wabas:
            for number in waba.numbers:
                yield OwnNumber(
                    id=number.id,
                    waba=waba.id,
                    pace=number.pace or self.model.pace or self.defaults.pace,
                    credentials=self._credentials(waba, number.token),
                    phone=number.phone or "",
                )

    def _credentials(self, waba: WabaModel, own: ValueReference | None) -> GraphCredentials:
        reference = own or waba.token or self.model.token
        assert reference is not None  # noqa: S101 - checked before
        return GraphCredentials(
            self._value(reference, "token"),
            self.model.graph_version or self.defaults.graph_version,
            self._secrets()[0].value if self.model.appsecret_proof else b"",
        )

    def _secrets(self) -> tuple[AppSecret, ...]:
        values = (one for ref in self.model.secrets for one in self.values.read(ref, "secrets"))
        return tuple(AppSecret.of(value.encode()) for value in dict.fromkeys(values))

    def _value(self, reference: ValueReference, use: str) -> str:
        return self.values.read(reference, use)[0]


def _build_accounts(
    model: AccountsModel, values: ValueReader, defaults: AccountDefaults, folder: Path
) -> Iterator[Account]:
    return (_AccountBuilder(one, values, defaults, folder).build() for one in model.accounts)
