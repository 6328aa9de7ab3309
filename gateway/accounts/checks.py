"""Errors of an accounts file beyond its shape: what stands twice, and values that are missing."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from gateway.accounts.file_shape import read_reference
from gateway.accounts.values import MissingValueError, ValueReader
from gateway.rules.problems import Mark, quote_word
from gateway.rules.yaml.nodes import Map, Scalar, as_list

_BOOLEAN = TypeAdapter(bool)
Found = tuple[Mark, str, str]  # place, name of the account, message


def find_mistakes(tree: Map, values: ValueReader) -> Iterator[Found]:
    """Find every mistake that concerns more than one place of the file, or another file."""
    accounts = [one for one in as_list(tree.get("accounts")) if isinstance(one, Map)]
    yield from _find_twice(accounts, "name", "account", lambda one: [one])
    yield from _find_twice(accounts, "app", "app", lambda one: [one])
    yield from _find_twice(accounts, "id", "WhatsApp account", wabas_of)
    yield from _find_twice(accounts, "id", "number", numbers_of)
    yield from _find_phone_twice(accounts)
    yield from _find_second_default(accounts)
    yield from _find_secret_twice(accounts, values)
    for account in accounts:
        yield from _find_missing_values(account, values)
        yield from _find_tokenless(account)


def wabas_of(account: Map) -> list[Map]:
    """Return the WhatsApp accounts of an account that are mappings."""
    return _maps(account.get("wabas"))


def numbers_of(account: Map) -> list[Map]:
    """Return the numbers of an account that are mappings."""
    return [number for waba in wabas_of(account) for number in _maps(waba.get("numbers"))]


def account_name(account: Any) -> str:
    """Return the name of an account for reports, "" if it has none."""
    name = account.get("name") if isinstance(account, Map) else None
    return name.strip() if isinstance(name, Scalar) else ""


def _maps(node: Any) -> list[Map]:
    return [one for one in as_list(node) if isinstance(one, Map)]


def _find_twice(
    accounts: list[Map], key: str, what: str, parts_of: Callable[[Map], list[Map]]
) -> Iterator[Found]:
    first: dict[str, tuple[str, Mark]] = {}
    for account in accounts:
        for part in parts_of(account):
            value = part.get(key)
            if not isinstance(value, Scalar):
                continue
            if value not in first:
                first[value] = account_name(account), value.mark
                continue
            owner, mark = first[value]
            of = f" of account {quote_word(owner)}" if owner and what != "account" else ""
            message = f"the {what} {quote_word(value)} stands already in line {mark.line}{of}"
            yield value.mark, account_name(account), message


def _find_phone_twice(accounts: list[Map]) -> Iterator[Found]:
    """Find a phone number of two of our numbers; no message quotes it."""
    first: dict[str, tuple[str, Mark]] = {}
    for account in accounts:
        for number in numbers_of(account):
            phone = number.get("phone")
            if not isinstance(phone, Scalar) or not (digits := "".join(filter(str.isdigit, phone))):
                continue
            owner, mark = first.setdefault(digits, (account_name(account), phone.mark))
            if mark is not phone.mark:
                of = f" of account {quote_word(owner)}" if owner else ""
                message = f"the phone number stands already in line {mark.line}{of}"
                yield phone.mark, account_name(account), message


def _find_secret_twice(accounts: list[Map], values: ValueReader) -> Iterator[Found]:
    """Find a secret of two apps: what one account signed would count as the other's too."""
    owner_of: dict[str, Map] = {}
    for account in accounts:
        for node in as_list(account.get("secrets")):
            if any(owner_of.setdefault(one, account) is not account for one in _read(node, values)):
                message = "secrets: another account has this secret, and each app has its own"
                yield node.mark, account_name(account), message


def _read(node: Any, values: ValueReader) -> tuple[str, ...]:
    """Return the secrets of a reference, none if they cannot be read, which is reported apart."""
    try:
        return values.read(read_reference(node), "secrets")
    except (PydanticCustomError, MissingValueError):
        return ()


def _find_second_default(accounts: list[Map]) -> Iterator[Found]:
    defaults = [one for one in accounts if _is_default(one)]
    for one in defaults[1:]:
        first = quote_word(account_name(defaults[0]))
        message = f"only one account serves /webhook without a name, and {first} does already"
        yield one.marks["default"], account_name(one), message


def _is_default(account: Map) -> bool:
    """Say whether an account is the default one, in any word that the file's shape takes."""
    try:
        return _BOOLEAN.validate_python(account.get("default", False))
    except ValidationError:
        return False  # reported with the shape


def _find_missing_values(account: Map, values: ValueReader) -> Iterator[Found]:
    for key in ("secrets", "verify_token"):
        for node in as_list(account[key]) if key in account else ():
            yield from _find_missing_value(account, key, node, values)
    for holder in (account, *wabas_of(account), *numbers_of(account)):
        if "token" in holder:
            yield from _find_missing_value(account, "token", holder["token"], values)


def _find_missing_value(account: Map, key: str, node: Any, values: ValueReader) -> Iterator[Found]:
    try:
        reference = read_reference(node)
    except PydanticCustomError:
        return  # reported with the shape
    try:
        values.read(reference, key)
    except MissingValueError as error:
        yield node.mark, account_name(account), f"{key}: {error}"


def _find_tokenless(account: Map) -> Iterator[Found]:
    if "token" in account:
        return
    for waba in wabas_of(account):
        for number in _maps(waba.get("numbers")):
            if "token" not in waba and "token" not in number:
                message = "has no token: give one to the number, to its WABA or to the account"
                yield _mark_of(number), account_name(account), message


def _mark_of(number: Map) -> Mark:
    return number.marks.get("id", number.mark)
