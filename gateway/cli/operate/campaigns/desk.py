"""Desk of the commands about campaigns: the store, and what the settings say of its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import typer

from gateway.accounts.account import Accounts
from gateway.accounts.receivers import is_unnamed
from gateway.accounts.rulebooks import RuleFiles
from gateway.cli.common import errors
from gateway.cli.common.accounts import load_or_end
from gateway.cli.common.store import open_own_store
from gateway.cli.local import target
from gateway.config.prices import read_prices
from gateway.core.campaigns.definition import Definition
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.templates.choice import read_use
from gateway.rules.problems import RulebookError
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.campaigns import campaigns
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import CheckInputs, read_check_inputs
from gateway.store.campaigns.uploads.upload import Home
from gateway.store.redis.client import Store
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.judgement import TemplateJudge


class CampaignDesk:
    """The store, and what the settings say, for one command."""

    def __init__(self, store: Store) -> None:
        """Read settings and accounts, or end the command."""
        self.store = store
        self.settings = target.settings()
        self.bodies = Bodies(self.settings.encryption_keys)
        self.accounts: Accounts = load_or_end(self.settings)

    def now(self) -> datetime:
        """Return the time of the server."""
        return datetime_from_ms(campaigns.server_ms(self.store))

    def find(self, id_: str) -> Campaign:
        """Return a campaign, or end the command."""
        try:
            found = campaigns.read_campaign(self.store, self.bodies, id_)
        except UnknownRecordError as error:
            raise errors.fail(f"The campaign {id_} cannot be read: {error}.") from error
        if found:
            return found
        raise errors.fail(f"No campaign has the id {id_}: gateway campaigns list shows all.")

    def number_of(self, definition: Definition) -> str:
        """Return from which number a campaign is sent, or end the command."""
        number = definition.number or self.accounts.default_number
        if not number or self.accounts.number(number) is None:
            raise errors.fail("Say with --from which of our numbers sends it.")
        return number

    def home_of(self, number: str) -> Home:
        """Return where the account of a number is."""
        owner = self.accounts.owner_of(number)
        return Home(owner.country, owner.time_zone) if owner else Home()

    def pace_of(self, number: str) -> int:
        """Return how many messages a second a number may send."""
        own = self.accounts.number(number)
        return own.pace if own else self.settings.meta_messages_per_second

    def judge(self) -> TemplateJudge:
        """Return what knows Meta's templates."""
        return TemplateJudge(self.store, TemplateCache(self.store), self.settings.meta_graph_url)

    def check_inputs(self, campaign: Campaign) -> CheckInputs:
        """Return what a check needs to know beside the campaign."""
        judge = self.judge()
        prices, pace = read_prices(self.settings.gateway_prices), self.pace_of(campaign.number)
        inputs = read_check_inputs(judge, self.accounts, campaign, pace, prices)
        name = campaign.definition.notice.forward
        return replace(inputs, unnamed=name) if self._is_unnamed(campaign.number, name) else inputs

    def _is_unnamed(self, number: str, receiver: str) -> bool:
        """Say whether the rules of a number lack a receiver; false while they cannot be used."""
        if not receiver:
            return False
        try:
            rules = RuleFiles.of(self.settings, lambda: self.accounts).read()
        except RulebookError:
            return False
        return is_unnamed(rules, number, receiver)


@contextmanager
def opened_desk(otherwise: str) -> Iterator[CampaignDesk]:
    """Open the store for one command; `otherwise` is what an unavailable one means for it."""
    with open_own_store(target.settings(), otherwise) as store:
        yield CampaignDesk(store)


def find_components(
    inputs: CheckInputs, samples: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Return the template of samples as Meta's list has it, None where that is not known."""
    use = read_use(samples[0], "#") if samples else None
    template, _ = inputs.find_template(use) if use else (None, False)
    return {"components": template.components} if template and template.components else None


def too_late(phase: str) -> typer.Exit:
    """Print in which phase a campaign is, which forbids what was asked."""
    return errors.fail(f"The campaign is {phase}.")
