"""Receivers as the rules in force name them."""

from collections.abc import Mapping

from gateway.accounts.rulebooks import RulesInForce
from gateway.core.forwards.receiver import Receiver
from gateway.rules.rulebook import Rulebook


def is_unnamed(rules: RulesInForce, number: str, name: str) -> bool:
    """Say whether no rules of a number have a receiver; false while some cannot be used."""
    owner = rules.accounts.owner_of(number) if number else None
    accounts = [owner] if owner else list(rules.accounts)
    is_known = all(isinstance(rules.by_path.get(one.rules), Rulebook) for one in accounts)
    return is_known and name not in receivers_of(rules, number)


def receivers_of(rules: RulesInForce, number: str) -> Mapping[str, Receiver]:
    """Return the receivers of a number's account by name; those of all for events without one."""
    owner = rules.accounts.owner_of(number) if number else None
    rulebooks = [rules.by_path.get(owner.rules)] if owner else list(rules.by_path.values())
    return {
        name: receiver
        for one in rulebooks
        if isinstance(one, Rulebook)
        for name, receiver in one.receivers_by_name.items()
    }
