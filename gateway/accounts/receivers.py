"""Receivers as the rules in force name them."""

from collections.abc import Mapping

from gateway.accounts.rulebooks import RulesInForce
from gateway.core.forwards.receiver import Receiver
from gateway.rules.rulebook import Rulebook


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
