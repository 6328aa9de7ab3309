"""Accounts of the doctor: Meta is asked about each as about the one that the settings describe."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.accounts.account import Account, OwnNumber
from gateway.cli.common.accounts import settings_of
from gateway.cli.setup.doctor.checks import (
    meta_app,
    meta_number,
    meta_templates,
    meta_webhooks,
    settings_file,
)
from gateway.cli.setup.doctor.facts import CHECKS, DoctorFacts
from gateway.cli.setup.doctor.findings import Check, Result, Unseen, run_checks
from gateway.cli.setup.doctor.meta_answers import MetaAnswers
from gateway.cli.setup.doctor.probes import read_given
from gateway.config.settings import Settings

NUMBER_GROUP = "number"
OF_AN_ACCOUNT: tuple[Check[Any], ...] = (
    *(one for one in settings_file.CHECKS if one.name == "app secrets"),
    *meta_app.CHECKS,
    *meta_webhooks.CHECKS,
    *meta_number.CHECKS,
    *meta_templates.CHECKS,
)
SHARED = tuple(one for one in CHECKS if one not in OF_AN_ACCOUNT)
# What findings and their advice call a setting, and the key of the accounts file in its place.
KEYS = {
    "META_APP_SECRET": "secrets",
    "META_VERIFY_TOKEN": "verify_token",
    "META_ACCESS_TOKEN": "token",
    "META_PHONE_NUMBER_ID": "the number's id",
    "META_WABA_ID": "the id under wabas",
    "META_MESSAGES_PER_SECOND": "pace",
    "META_GRAPH_VERSION": "graph_version",
    "META_APP_ID": "app",
}

# With the app secret of which a proof goes with the token, b"" where none does.
AskMeta = Callable[[Settings, bytes], MetaAnswers | Unseen]


@dataclass(frozen=True, slots=True)
class CheckedNumber:
    """One number of an account; the first of a WhatsApp account stands for that and the app."""

    account: Account
    number: OwnNumber
    is_first: bool = field(default=True)

    def check(self, given: Settings, facts: DoctorFacts, ask: AskMeta) -> Iterator[Result]:
        """Run the checks of the number, and of its account if it is the first."""
        settings = settings_of(given, self.account, self.number)
        version = facts.version
        if not isinstance(version, Unseen):
            version = settings.meta_graph_version, version[1]
        meta = ask(settings, self.number.credentials.proof_secret)
        own = replace(facts, given=read_given(settings), version=version, meta=meta)
        checks = OF_AN_ACCOUNT if self.is_first else meta_number.CHECKS
        for result in run_checks(checks, own):
            yield replace(
                result,
                group=self._group(result.group),
                message=_with_keys(result.message),
                advice=_with_keys(result.advice),
            )

    def _group(self, group: str) -> str:
        named = f"number {self.number.id}" if group == NUMBER_GROUP else group
        return f"{named} of {self.account.name}"


def list_numbers(accounts: Iterable[Account]) -> Iterator[CheckedNumber]:
    """Yield the numbers of all accounts, in the order of their file."""
    for account in accounts:
        wabas = set[str]()
        for number in account.numbers:
            yield CheckedNumber(account, number, number.waba not in wabas)
            wabas.add(number.waba)


def check_accounts(
    given: Settings, accounts: Iterable[Account], facts: DoctorFacts, ask: AskMeta
) -> list[Result]:
    """Return the results of what accounts share, and then of each account, each result once."""
    results = list(run_checks(SHARED, facts))
    for one in list_numbers(accounts):
        results += one.check(given, facts, ask)
    return list(dict.fromkeys(results))


def _with_keys(text: str) -> str:
    for name, key in KEYS.items():
        text = text.replace(name, key)
    return text
