"""Accounts at Meta, each one app with its secrets, tokens and numbers, and who owns a number."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

# The account that the META_ variables describe; in the store it has no name either.
UNNAMED = ""


@dataclass(frozen=True, slots=True)
class AppSecret:
    """One of an app's secrets, and the id by which its uses are counted."""

    value: bytes = field(repr=False)
    id: str

    @classmethod
    def of(cls, value: bytes) -> Self:
        """Return a secret with its id, which does not reveal it: an s and 8 hexadecimal digits."""
        return cls(value, "s" + hashlib.sha256(b"secret id" + value).hexdigest()[:8])


@dataclass(frozen=True, slots=True)
class GraphCredentials:
    """Everything that a request to Graph needs beside its address and its body.

    `proof_secret` is the app secret of which a proof goes with the token, b"" where the app does
    not ask for one.
    """

    token: str = field(repr=False)
    graph_version: str
    proof_secret: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Refuse a token of which httpx would raise an exception that quotes the whole header."""
        if not (self.token.isascii() and self.token.isprintable() and " " not in self.token):
            raise ValueError("the access token holds characters that no HTTP header can carry")


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """One of our numbers: Meta's id, its WhatsApp account, its pace, and how it is sent from."""

    id: str
    waba: str
    pace: int  # messages a second that Meta grants
    credentials: GraphCredentials
    phone: str = field(default="", repr=False)  # its digits, "" where they are not known


@dataclass(frozen=True, slots=True)
class Account:
    """One app at Meta. With `owns_all` every number is its own, also one that is not listed."""

    name: str
    app: str
    secrets: tuple[AppSecret, ...]  # newest first
    verify_token: str = field(repr=False)
    numbers: tuple[OwnNumber, ...]
    rules: Path
    is_default: bool = False  # it also serves the address without a name
    owns_all: bool = False
    wabas: tuple[str, ...] = ()
    time_zone: str = ""  # of opening hours in its rules that name none
    country: str = ""  # of national phone numbers, two letters by ISO 3166-1
    portfolio: str = ""  # Meta's id of its business portfolio, "" where no other account is of it

    def number(self, number: str) -> OwnNumber | None:
        """Return one of its numbers, None if it has no such number."""
        for one in self.numbers:
            if one.id == number:
                return one
        if not self.owns_all or not number:
            return None
        first = self.numbers[0]
        return OwnNumber(number, first.waba, first.pace, first.credentials)

    @property
    def webhook(self) -> str:
        """Return the path of the address to which Meta posts its deliveries."""
        return "/webhook" if self.is_default else f"/webhook/{self.name}"

    @property
    def secret_values(self) -> tuple[bytes, ...]:
        """Return the secrets as bytes, as signatures need them."""
        return tuple(one.value for one in self.secrets)


class Accounts:
    """All accounts of an installation, found by name, number or WhatsApp account."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        """Take the accounts; the loader has made sure that no number belongs to two of them."""
        self._all = tuple(accounts)
        self._by_name = {one.name: one for one in self._all}
        self._by_number = {number.id: (one, number) for one in self._all for number in one.numbers}
        self._by_waba = {waba: one for one in self._all for waba in one.wabas}
        self.default = next((one for one in self._all if one.is_default), None)
        self._owner_of_all = next((one for one in self._all if one.owns_all), None)

    def __iter__(self) -> Iterator[Account]:
        """Yield each account, in the order of the file."""
        return iter(self._all)

    def __len__(self) -> int:
        """Return how many accounts there are."""
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        """Say whether both hold the same accounts, secrets and tokens among them."""
        return isinstance(other, Accounts) and self._all == other._all

    def __hash__(self) -> int:
        """Return the hash that equal accounts share."""
        return hash(self._all)

    def named(self, name: str) -> Account | None:
        """Return the account of a name, None if there is none."""
        return self._by_name.get(name)

    def keeper_of(self, name: str, secret: str) -> Account | None:
        """Return the account for which a delivery was kept, by its name or the secret it had.

        None if no account is called so now, nor has that secret.
        """
        if not name:
            return self.default
        by_secret = (one for one in self._all if any(own.id == secret for own in one.secrets))
        return self.named(name) or next(by_secret, None)

    def owner_of(self, number: str) -> Account | None:
        """Return the account that has a number, None if no account has it."""
        if found := self._by_number.get(number):
            return found[0]
        return self._owner_of_all if number else None

    def number(self, number: str) -> OwnNumber | None:
        """Return one of our numbers, None if no account has it."""
        if found := self._by_number.get(number):
            return found[1]
        return self._owner_of_all.number(number) if self._owner_of_all else None

    def owner_of_waba(self, waba: str) -> Account | None:
        """Return the account that has a WhatsApp account, None if no account has it."""
        return self._by_waba.get(waba, self._owner_of_all)

    def credentials_by_waba(self) -> dict[str, GraphCredentials]:
        """Return, for each WhatsApp account whose id is known, what its first number sends with."""
        found: dict[str, GraphCredentials] = {}
        for account in self._all:
            for number in account.numbers:
                if number.waba:
                    found.setdefault(number.waba, number.credentials)
        return found

    def number_of_notice(self, waba: str, phone: str) -> OwnNumber | None:
        """Return the number that a notice is about, which names it by its phone number only.

        None if it cannot be told which of several numbers it is.
        """
        digits = "".join(filter(str.isdigit, phone))
        own = [one for account in self._all for one in account.numbers]
        if named := [one for one in own if digits and one.phone == digits]:
            return named[0]
        candidates = [one for one in own if one.waba == waba or self._owner_of_all]
        return candidates[0] if len(candidates) == 1 and not candidates[0].phone else None

    def name_of(self, number: str) -> str:
        """Return the name of the account that has a number, "" if none has or it has no name."""
        owner = self.owner_of(number)
        return owner.name if owner else ""

    def numbers_of(self, name: str) -> Iterator[str]:
        """Yield the ids of the numbers that are listed for an account, none for an unknown name."""
        if account := self._by_name.get(name):
            yield from (one.id for one in account.numbers)

    def country_of(self, number: str) -> str:
        """Return the country of the account that has a number, "" where none is given."""
        owner = self.owner_of(number)
        return owner.country if owner else ""

    @property
    def default_number(self) -> str:
        """Return the number of a message that names none, "" where none is the obvious one."""
        account = self.default or (self._all[0] if len(self._all) == 1 else None)
        return account.numbers[0].id if account and account.numbers else ""

    def numbers_among(self, listed: Iterable[str]) -> list[str]:
        """Return the numbers of all accounts, and those `listed` in the store that are theirs."""
        own = list(self._by_number)
        return [*own, *(one for one in listed if one not in self._by_number and self.number(one))]

    def siblings_of(self, number: str, listed: Iterable[str]) -> list[str]:
        """Return the numbers of the same account as a number, itself among them."""
        owner = self.owner_of(number)
        found = [one for one in self.numbers_among(listed) if self.owner_of(one) is owner]
        return found if number in found else [number, *found]

    def limit_group(self, number: str) -> str:
        """Return the name of all that shares Meta's messaging limit with a number: its portfolio.

        It is the account itself where no portfolio is given.
        """
        owner = self.owner_of(number)
        if owner is None:
            return f"number {number}"
        return f"portfolio {owner.portfolio}" if owner.portfolio else f"account {owner.name}"

    def limit_sharers(self, number: str, listed: Iterable[str]) -> list[str]:
        """Return the numbers that share Meta's messaging limit with a number, itself among them."""
        group = self.limit_group(number)
        found = [one for one in self.numbers_among(listed) if self.limit_group(one) == group]
        return found if number in found else [number, *found]

    def zone_of(self, path: Path) -> str:
        """Return the time zone of the accounts that use a path of rules, "" if none is given."""
        return next((one.time_zone for one in self._all if one.rules == path), "")

    @property
    def rule_paths(self) -> tuple[Path, ...]:
        """Return each file or folder of rules once, in the order of the accounts."""
        return tuple(dict.fromkeys(one.rules for one in self._all))
