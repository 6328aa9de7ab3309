"""Rulebooks of a replay: those that were named, or of each event those of its account."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.accounts.account import Account, Accounts
from gateway.accounts.rulebooks import NO_RULES, RulesInForce
from gateway.cli.common.accounts import choose_account, load_or_end, zone_of_rules
from gateway.config.settings import Settings
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Notice
from gateway.core.planning.decision import Decision, RuleDecider
from gateway.rules.loader import load


@dataclass(frozen=True, slots=True)
class RulebookByAccount:
    """Rulebook that answers each event as the rules of its account do."""

    rules: RulesInForce

    @property
    def version(self) -> str:
        """Return the version of the one rulebook, or one that stands for all of them."""
        return self.rules.version

    def decide(self, event: Event, contact: Contact, now: datetime) -> Decision:
        """Return the decision of the account's rulebook."""
        rulebook = self.rules.of_account(self._account_of(event)) or NO_RULES
        return rulebook.decide(event, contact, now)

    def _account_of(self, event: Event) -> Account | None:
        if event.number:
            return self.rules.accounts.owner_of(event.number)
        waba = event.waba if isinstance(event, Notice) else ""
        return self.rules.accounts.owner_of_waba(waba)


def load_rulebook(given: Settings, path: Path | None, account: str) -> RuleDecider:
    """Return the rules of a path, else those of the accounts. Raises RulebookError."""
    if path:
        return load(path, zone=zone_of_rules(path))
    accounts = load_or_end(given)
    if account:
        accounts = Accounts([choose_account(accounts, account)])
    by_path = {one: load(one, zone=accounts.zone_of(one)) for one in accounts.rule_paths}
    return RulebookByAccount(RulesInForce(accounts, by_path))
