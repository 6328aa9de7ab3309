"""Receivers as the files of rules name them now, for what the API does with one."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.accounts.receivers import is_unnamed, receivers_of
from gateway.accounts.rulebooks import RuleFiles
from gateway.core.forwards.receiver import Receiver
from gateway.rules.problems import RulebookError
from gateway.store.outgoing.receiver_states import ReceiverState, mark_unnamed
from gateway.web.api.problems import ApiError


@dataclass(frozen=True, slots=True)
class NamedReceivers:
    """Answers by the rules of all accounts as their files are at each question."""

    rules: RuleFiles

    async def find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Receiver]:
        """Return the receivers of a name by the numbers whose rules have one. Raises ApiError."""
        found = await asyncio.to_thread(self._find, name, numbers)
        if not found:
            raise ApiError("not-found", "The rules name no such receiver.")
        return found

    def is_unnamed(self, number: str, name: str) -> bool:
        """Say whether no rules of a number have a receiver; false while some cannot be used."""
        try:
            return is_unnamed(self.rules.read(), number, name)
        except RulebookError:
            return False

    def mark_unnamed(self, states: Sequence[ReceiverState]) -> Sequence[ReceiverState]:
        """Return states that say whether the rules, where they can be used, name the receiver."""
        with suppress(RulebookError):
            return mark_unnamed(states, self.rules.read())
        return states

    def _find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Receiver]:
        try:
            rules = self.rules.read()
        except RulebookError as error:
            detail = f"The rules cannot be used: {error.problems[0]}"
            raise ApiError("conflict", detail) from None
        own = ((number, receivers_of(rules, number).get(name)) for number in numbers)
        return {number: receiver for number, receiver in own if receiver}
