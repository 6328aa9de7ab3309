"""Receivers as the files of rules name them now, for what the API does with one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.accounts.account import Accounts
from gateway.accounts.receivers import is_unnamed, receivers_of
from gateway.accounts.rulebooks import RulesInForce
from gateway.config.settings import Settings
from gateway.core.forwards.receiver import Receiver
from gateway.core.planning.decision import RuleDecider
from gateway.rules.loader import build_once, find_rules, read_if_any, read_trial_now
from gateway.rules.problems import Problem, RulebookError
from gateway.store.outgoing.receiver_states import ReceiverState, mark_unnamed
from gateway.web.api.problems import ApiError


@dataclass(frozen=True, slots=True)
class NamedReceivers:
    """Reads the rules of all accounts where workers do, at each question."""

    settings: Settings
    accounts: Callable[[], Accounts]

    async def find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Receiver]:
        """Return the receivers of a name by the numbers whose rules have one. Raises ApiError."""
        found = await asyncio.to_thread(self._find, name, numbers)
        if not found:
            raise ApiError("not-found", "The rules name no such receiver.")
        return found

    def is_unnamed(self, number: str, name: str) -> bool:
        """Say whether no rules of a number have a receiver; false while some cannot be used."""
        try:
            return is_unnamed(self._read_rules(), number, name)
        except RulebookError:
            return False

    def mark_unnamed(self, states: Sequence[ReceiverState]) -> Sequence[ReceiverState]:
        """Return states that say whether the rules, where they can be used, name the receiver."""
        with suppress(RulebookError):
            return mark_unnamed(states, self._read_rules())
        return states

    def _find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Receiver]:
        try:
            rules = self._read_rules()
        except RulebookError as error:
            detail = f"The rules cannot be used: {error.problems[0]}"
            raise ApiError("conflict", detail) from None
        own = ((number, receivers_of(rules, number).get(name)) for number in numbers)
        return {number: receiver for number, receiver in own if receiver}

    def _read_rules(self) -> RulesInForce:
        """Return the rules as their files are now. Raises RulebookError if none can be used."""
        accounts = self.accounts()
        found: dict[Path, RuleDecider] = {}
        problems: list[Problem] = []
        for path in accounts.rule_paths:
            try:
                found[path] = self._load(path, accounts.zone_of(path))
            except RulebookError as error:
                problems += error.problems
        if problems and not found:
            raise RulebookError(problems)
        return RulesInForce(accounts, found)

    def _load(self, path: Path, zone: str) -> RuleDecider:
        files = read_if_any(find_rules(path, self.settings.gateway_demo_rules))
        return build_once(files, read_trial_now(self.settings.gateway_trial_hours), zone)
