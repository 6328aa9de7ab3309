"""Accounts page: each account of Meta's that this installation serves; none of its secrets."""

from collections.abc import Mapping
from typing import Any

from gateway.accounts.account import Account
from gateway.web.console.page import ConsolePage, PageView, PageVisit


async def build(visit: PageVisit) -> PageView:
    """Return the accounts; they come from the settings, so no store is needed."""
    accounts = [_view(one) for one in visit.desk.accounts_of(visit.user)]
    return PageView("Accounts", "setup/accounts.html", {"accounts": accounts})


def _view(account: Account) -> Mapping[str, Any]:
    return {
        "name": account.name or None,
        "app": account.app or None,
        "webhook": account.webhook,
        "secrets": [one.id for one in account.secrets],
        "rules": str(account.rules),
        "time_zone": account.time_zone or None,
        "country": account.country or None,
        "is_default": account.is_default,
        "wabas": account.wabas,
        "numbers": [
            {
                "id": one.id,
                "waba": one.waba or None,
                "pace": one.pace,
                "graph_version": one.credentials.graph_version,
            }
            for one in account.numbers
        ],
    }


PAGES = (ConsolePage("/accounts", build, label="Accounts", key="a"),)
