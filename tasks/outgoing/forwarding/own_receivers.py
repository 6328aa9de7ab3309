"""Receivers of events that belong to no number: each account may call another receiver so."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.accounts.account import Account, Accounts
from gateway.accounts.rulebooks import RulesInForce
from gateway.core.events import Delivery
from gateway.core.forwards.receiver import Receiver
from gateway.rules.rulebook import Rulebook


def receiver_of_delivery(rules: RulesInForce, delivery: Delivery, name: str) -> Receiver | None:
    """Return the receiver of a name in the account for which a delivery was kept."""
    return _named(rules, rules.accounts.keeper_of(delivery.account, delivery.secret), name)


def receiver_of_copy(rules: RulesInForce, body: bytes, name: str) -> Receiver | None:
    """Return the receiver of a name in the account that a kept copy says, whatever its form."""
    try:
        copy = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    account = _account_of(rules.accounts, copy) if isinstance(copy, dict) else None
    return _named(rules, account, name)


def unnamed_receiver(name: str) -> Receiver:
    """Return what stands for a receiver that the rules do not name: what it gets can be kept."""
    return Receiver(name, url="", secret="")


def _account_of(accounts: Accounts, copy: Mapping[str, Any]) -> Account | None:
    if isinstance(name := copy.get("account"), str):
        return accounts.keeper_of(name, "")
    match copy.get("entry"):
        case [{"id": waba}, *_]:
            return accounts.owner_of_waba(str(waba)) or accounts.default
        case _:
            return accounts.default


def _named(rules: RulesInForce, account: Account | None, name: str) -> Receiver | None:
    rulebook = rules.of_account(account)
    return rulebook.receivers_by_name.get(name) if isinstance(rulebook, Rulebook) else None
