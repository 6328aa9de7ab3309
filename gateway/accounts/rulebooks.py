"""Rulebooks of all accounts: one for each file or folder of rules, however many accounts share it.

The rules of one account that cannot be used stop no other account.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self, TypeVar

from gateway.accounts.account import Account, Accounts
from gateway.config.settings import Settings
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.planning.decision import Decision, RuleDecider
from gateway.rules.loader import (
    build_once,
    find_rules,
    fingerprint,
    read,
    read_if_any,
    read_trial_now,
)
from gateway.rules.problems import RulebookError
from gateway.rules.reloader import Files, RulebookSource
from gateway.rules.rulebook import Rulebook

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class NoRules:
    """Rulebook of events that no account has: it answers none of them."""

    version: str = "no account"

    def decide(self, _: Event, __: Contact, ___: datetime) -> Decision:
        """Decide that no rule fires."""
        return Decision(note="no account has the number")


NO_RULES = NoRules()


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The accounts and their rulebooks at one moment; a batch keeps them until it is planned."""

    accounts: Accounts
    by_path: Mapping[Path, RuleDecider]  # without those that cannot be used

    def of_account(self, account: Account | None) -> RuleDecider | None:
        """Return the rulebook of an account, None if its rules cannot be used.

        The rulebook of no account answers nothing.
        """
        return NO_RULES if account is None else self.by_path.get(account.rules)

    @property
    def is_whole(self) -> bool:
        """Say whether the rules of each account can be used."""
        return self.by_path.keys() >= {*self.accounts.rule_paths}

    @property
    def version(self) -> str:
        """Return the version of the one rulebook, or one that stands for all of them."""
        versions = [one.version for one in self.by_path.values()]
        if len(versions) == 1:
            return versions[0]
        return hashlib.sha256("\n".join(versions).encode()).hexdigest()[:12]


class OpenRules(Protocol[T_co]):
    """Opens the rules of one path, with the time zone of hours that name none.

    Raises RulebookError if the rules cannot be used.
    """

    def __call__(self, path: Path, /, *, zone: str) -> T_co:
        """Return the rulebook, or the source of it."""


def _open_each(
    accounts: Accounts, paths: Iterable[Path], open_rules: OpenRules[T]
) -> tuple[dict[Path, T], dict[Path, RulebookError]]:
    """Open the rules of each path with its accounts' time zone; return also which cannot be used.

    The latter stop no others.
    """
    opened: dict[Path, T] = {}
    unusable: dict[Path, RulebookError] = {}
    for path in paths:
        try:
            opened[path] = open_rules(path, zone=accounts.zone_of(path))
        except RulebookError as error:
            unusable[path] = error
    return opened, unusable


def _merge_errors(errors: Iterable[RulebookError]) -> RulebookError:
    return RulebookError([problem for one in errors for problem in one.problems])


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """Rules of all accounts as their files are at each question, where workers look for them.

    For who asks now and then: the same bytes are compiled once, and a change counts at once.
    """

    accounts: Callable[[], Accounts]
    demo: Path | None = None
    trial_hours: Path | None = None

    @classmethod
    def of(cls, settings: Settings, accounts: Callable[[], Accounts]) -> Self:
        """Return those that the settings name."""
        return cls(accounts, settings.gateway_demo_rules, settings.gateway_trial_hours)

    def read(self) -> RulesInForce:
        """Return the rules that can be used. Raises RulebookError if none can."""
        accounts = self.accounts()
        opened, unusable = _open_each(accounts, accounts.rule_paths, self.load)
        if unusable and not opened:
            raise _merge_errors(unusable.values())
        return RulesInForce(accounts, opened)

    def load(self, path: Path, /, *, zone: str) -> Rulebook:
        """Return the rulebook of one path. Raises RulebookError."""
        files = read_if_any(find_rules(path, self.demo))
        return build_once(files, read_trial_now(self.trial_hours), zone)


class AccountRules:
    """Source of the rulebooks in force in a worker, which plans by one until a change has settled.

    A change with errors leaves the one before in force.

    The constructor raises RulebookError if no rulebook at all can be used; later nothing raises.
    """

    def __init__(
        self,
        accounts: Callable[[], Accounts],
        open_source: OpenRules[RulebookSource] = RulebookSource,
    ) -> None:
        """Load all rules; `open_source` opens those of one path."""
        self._accounts, self._open_source = accounts, open_source
        self._sources: dict[Path, RulebookSource] = {}
        self._unusable: dict[Path, RulebookError] = {}
        self._seen_unusable: dict[Path, bytes] = {}
        self._open_sources()
        if not self._sources:
            raise _merge_errors(self._unusable.values())
        self._in_force = self._snapshot()

    def current(self) -> RulesInForce:
        """Return the rules in force; a caller keeps them until its events are planned."""
        return self._in_force

    def reload_if_changed(self) -> None:
        """Take up changed rules, and those of accounts that were added; drop what none has."""
        self._open_sources()
        for source in self._sources.values():
            source.reload_if_changed()
        latest = self._snapshot()
        if latest != self._in_force:
            self._in_force = latest

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with each path of rules whose files cannot be used as they are."""
        errors = (str(one) for one in self._unusable.values())
        return *errors, *(one.problem for one in self._sources.values() if one.problem)

    def valid_files(self) -> dict[Path, tuple[str, Files]]:
        """Return the version and the files of each rulebook whose files are valid now."""
        return {
            path: (source.current().version, source.files)
            for path, source in self._sources.items()
            if source.files and not source.problem
        }

    @property
    def empty_paths(self) -> list[Path]:
        """Return each path with whose rules nothing is answered, since there are none."""
        return [path for path, source in self._sources.items() if not source.current().rules]

    @property
    def has_files(self) -> bool:
        """Say whether there are files of rules at each path."""
        return all(source.files for source in self._sources.values())

    def rulebooks(self) -> list[Rulebook]:
        """Return each rulebook in force."""
        return [source.current() for source in self._sources.values()]

    def _snapshot(self) -> RulesInForce:
        by_path = {path: source.current() for path, source in self._sources.items()}
        return RulesInForce(self._accounts(), by_path)

    def _open_sources(self) -> None:
        accounts = self._accounts()
        paths = accounts.rule_paths
        for path in {*self._sources, *self._unusable} - {*paths}:
            self._sources.pop(path, None)
            self._unusable.pop(path, None)
        for path, source in self._sources.items():
            source.zone = accounts.zone_of(path)
        missing = (path for path in paths if path not in self._sources)
        changed = [one for one in missing if self._has_changed(one, accounts.zone_of(one))]
        opened, unusable = _open_each(accounts, changed, self._open_source)
        self._sources |= opened
        self._unusable |= unusable
        for path in opened:
            self._unusable.pop(path, None)

    def _has_changed(self, path: Path, zone: str) -> bool:
        """Say whether rules that could not be used have changed since: to load them takes long."""
        try:
            seen = fingerprint(read(path)) + zone.encode()
        except RulebookError as error:
            seen = str(error).encode()
        before, self._seen_unusable[path] = self._seen_unusable.get(path), seen
        return path not in self._unusable or seen != before
