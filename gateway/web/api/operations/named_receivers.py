"""Receivers as the files of rules name them now, for what the API does with one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.accounts.account import Accounts
from gateway.accounts.receivers import receivers_of
from gateway.accounts.rulebooks import AccountRules
from gateway.config.settings import Settings
from gateway.core.forwards.receiver import Receiver
from gateway.rules.problems import RulebookError
from gateway.rules.reloader import RulebookSource
from gateway.web.api.problems import ApiError


@dataclass(frozen=True, slots=True)
class NamedReceivers:
    """Reads the rules of all accounts as workers do, at each question."""

    settings: Settings
    accounts: Callable[[], Accounts]

    async def find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Receiver]:
        """Return the receivers of a name by the numbers whose rules have one. Raises ApiError."""
        found = await asyncio.to_thread(self._find, name, numbers)
        if not found:
            raise ApiError("not-found", "The rules name no such receiver.")
        return found

    def _find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Receiver]:
        source = partial(
            RulebookSource,
            demo=self.settings.gateway_demo_rules,
            trial_hours=self.settings.gateway_trial_hours,
        )
        try:
            rules = AccountRules(self.accounts, source).current()
        except RulebookError as error:
            detail = f"The rules cannot be used: {error.problems[0]}"
            raise ApiError("conflict", detail) from None
        own = ((number, receivers_of(rules, number).get(name)) for number in numbers)
        return {number: receiver for number, receiver in own if receiver}
