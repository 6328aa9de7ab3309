"""The pieces that rules are made of; each gives the first refusal, or None."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from gateway.sandbox.errors import INVALID, Refusal, invalid, missing, wrong_type

Rule: TypeAlias = Callable[[Any, str], Refusal | None]


def text(longest: int | None = None, *, may_be_empty: bool = False) -> Rule:
    """Ask for a string of at most so many characters."""

    def check(value: object, path: str) -> Refusal | None:
        if not isinstance(value, str):
            return wrong_type(path, "a string")
        if not value and not may_be_empty:
            return invalid(path, "must not be empty")
        if longest is not None and len(value) > longest:
            return invalid(path, f"must be at most {longest} characters long")
        return None

    return check


def pattern(expression: str, wanted: str) -> Rule:
    """Ask for a string of a certain form; `wanted` ends the sentence "must be"."""
    compiled = re.compile(expression, re.DOTALL)

    def check(value: object, path: str) -> Refusal | None:
        if not isinstance(value, str):
            return wrong_type(path, "a string")
        return None if compiled.fullmatch(value) else invalid(path, f"must be {wanted}")

    return check


def one_of(*allowed: str) -> Rule:
    """Ask for one of a few words."""

    def check(value: object, path: str) -> Refusal | None:
        return None if value in allowed else invalid(path, f"must be one of {', '.join(allowed)}")

    return check


def boolean(value: object, path: str) -> Refusal | None:
    """Ask for true or false."""
    return None if isinstance(value, bool) else wrong_type(path, "a boolean")


def anything(value: object, path: str) -> Refusal | None:
    """Ask for nothing."""
    return None


def number(least: float, most: float) -> Rule:
    """Ask for a number in a range; Meta also takes it written as a string."""

    def check(value: object, path: str) -> Refusal | None:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return wrong_type(path, "a number")
        try:
            inside = least <= float(value) <= most
        except ValueError:
            return wrong_type(path, "a number")
        return None if inside else invalid(path, f"must be from {least} to {most}")

    return check


def array(rule: Rule, least: int = 0, most: int | None = None) -> Rule:
    """Ask for a list of so many items, each keeping to one rule."""

    def check(value: object, path: str) -> Refusal | None:
        if not isinstance(value, list):
            return wrong_type(path, "a list")
        if len(value) < least:
            return invalid(path, f"must have at least {least} items")
        if most is not None and len(value) > most:
            return invalid(path, f"must have at most {most} items")
        return _first(rule(item, f"{path}[{index}]") for index, item in enumerate(value))

    return check


def record(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """Ask for an object with these fields; others are let through, as Meta adds fields often."""
    fields = {**required, **(optional or {})}

    def check(value: object, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return wrong_type(path, "an object")
        prefix = f"{path}." if path else ""
        for name, rule in fields.items():
            item = value.get(name)
            if item is None and name in required:
                return missing(prefix + name)
            if item is not None and (refusal := rule(item, prefix + name)):
                return refusal
        return None

    return check


def tagged(tag: str, table: Mapping[str, Rule]) -> Rule:
    """Ask for an object whose field `tag` names the rule that it keeps to."""
    names = ", ".join(table)

    def check(value: object, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return wrong_type(path, "an object")
        if (name := value.get(tag)) is None:
            return missing(f"{path}.{tag}")
        rule = table.get(name.lower()) if isinstance(name, str) else None
        return rule(value, path) if rule else invalid(f"{path}.{tag}", f"must be one of {names}")

    return check


def exactly_one(*names: str) -> Rule:
    """Ask for one of several fields, and not for two of them."""

    def check(value: dict[str, object], path: str) -> Refusal | None:
        given = sum(value.get(name) is not None for name in names)
        if given == 0:
            return missing(f"{path}.{names[0]} or {path}.{names[1]}")
        return None if given == 1 else invalid(path, f"must have only one of {', '.join(names)}")

    return check


def never(name: str) -> Rule:
    """Refuse a field that belongs to other kinds of message."""

    def check(value: dict[str, object], path: str) -> Refusal | None:
        return Refusal(INVALID, f"Unexpected key {name} on {path}.") if name in value else None

    return check


def all_of(*rules: Rule) -> Rule:
    """Ask for several rules, in this order: a later one may rely on the earlier ones."""

    def check(value: object, path: str) -> Refusal | None:
        return _first(rule(value, path) for rule in rules)

    return check


def _first(refusals: Iterable[Refusal | None]) -> Refusal | None:
    return next((refusal for refusal in refusals if refusal), None)
