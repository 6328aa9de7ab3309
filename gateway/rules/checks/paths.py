"""Check of the paths of one rule: those that there are not, and those of other events."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any

from gateway.core.paths.path import OPEN, MetaPath
from gateway.core.paths.table import FIELDS, PATHS, belongs, describe_scopes, find_path
from gateway.rules.event_kinds import kind_of_field
from gateway.rules.language.condition_parts.data_paths import EQUALITY, TESTS_OF_KIND
from gateway.rules.language.conditions import DataTest
from gateway.rules.language.types import NUMBER
from gateway.rules.problems import Mark, quote_word
from gateway.rules.yaml.nodes import Map, Scalar, as_list, as_mapping

MarkedMessage = tuple[Mark, str]
Scopes = frozenset[str]

LISTED = "docs/rules.md lists all paths"
MESSAGES = frozenset({"message", "message:*"})
KIND_SCOPES: dict[str, Scopes] = {
    "status": frozenset({"status"}), "notice": frozenset({"notice:*"}),
    "call": frozenset({"notice:calls"}),
}  # fmt: skip
# Conditions that hold for some types of messages only.
IMPLIED_TYPES = {"order": ["order"], "reaction": ["reaction"], "tapped": ["interactive", "button"]}
NUMBER_WORD = re.compile(NUMBER)
FLAGS = ("yes", "no", "true", "false")


def wrong_data(rule: Map) -> Iterator[MarkedMessage]:
    """Report each test under `data` that no event of its rule can pass."""
    for when in as_list(rule.get("when")):
        if isinstance(when, Map):
            yield from _wrong_below(when, _event_scopes(when))


def rule_scopes(rule: Map) -> Scopes:
    """Return the scopes of all events that a rule is for."""
    whens = [when for when in as_list(rule.get("when")) if isinstance(when, Map)]
    return frozenset().union(*(_narrow(when, _event_scopes(when)) for when in whens)) or MESSAGES


def path_problem(name: str, scopes: Scopes | None) -> str:
    """Say what is wrong with a path for events of some scopes, or of any; "" if nothing is."""
    path = find_path(name)
    if path is None or not (path.description or _is_named(path, scopes)):
        return f"unknown path {quote_word(name)}; {_suggest(name, scopes)}"
    if scopes is None or belongs(path, scopes):
        return ""
    own, others = describe_scopes(scopes), describe_scopes(path.scopes)
    return f"{quote_word(name)} is a path of {others}, and this rule is for {own}"


def _is_named(path: MetaPath, scopes: Scopes | None) -> bool:
    """Say whether the rule names the type or field of a path that the table does not know."""
    return scopes is None or not path.scopes.isdisjoint(scopes)


def _suggest(name: str, scopes: Collection[str] | None) -> str:
    """Suggest a path of the rule's events, else one of others."""
    listed = [path for path in PATHS.values() if not path.name.endswith(OPEN)]
    own = [path.name for path in listed if scopes is None or belongs(path, scopes)]
    close = get_close_matches(name, own, n=1) or get_close_matches(name, PATHS, n=1)
    return f"did you mean '{close[0]}'?" if close else LISTED


def _event_scopes(when: Map) -> Scopes:
    fields = _words(when.get("field"))
    kinds = _words(when.get("event")) or [kind_of_field(one) for one in fields]
    kinds = kinds or ["call" if "call" in when else "message"]
    return frozenset().union(*(KIND_SCOPES.get(kind, MESSAGES) for kind in kinds))


def _narrow(when: Map, scopes: Scopes) -> Scopes:
    """Leave out the scopes of types and fields that a mapping of conditions excludes."""
    implied = [types for key, types in IMPLIED_TYPES.items() if when.get(key) not in (None, "no")]
    types = [word.lower() for word in _words(when.get("type"))] or next(iter(implied), [])
    if types and "message:*" in scopes:
        scopes = scopes - {"message:*"} | {f"message:{one}" for one in types}
    if (fields := _words(when.get("field"))) and "notice:*" in scopes:
        unknown = {"notice"} if not FIELDS.issuperset(fields) else set()
        scopes = scopes - {"notice:*"} | {f"notice:{one}" for one in fields} | unknown
    return scopes


def _wrong_below(when: Map, scopes: Scopes) -> Iterator[MarkedMessage]:
    scopes = _narrow(when, scopes)
    data = as_mapping(when.get("data"))
    for name, test in data.items():
        if problem := path_problem(name, scopes):
            yield data.marks[name], problem
        elif path := find_path(name):
            yield from _wrong_tests(path, test)
    for key in ("any", "all", "not"):
        for inner in as_list(when.get(key)):
            if isinstance(inner, Map):
                yield from _wrong_below(inner, scopes)


def _wrong_tests(path: MetaPath, test: Any) -> Iterator[MarkedMessage]:
    given = test if isinstance(test, Map) else {"equals": test}
    known = DataTest.keys()
    allowed = TESTS_OF_KIND.get(path.kind, known)
    for key, value in given.items():
        if key in known and key not in allowed:
            mark = test.marks[key] if isinstance(test, Map) else test.mark
            kind = "yes or no" if path.kind == "yes or no" else f"a {path.kind}"
            yield mark, f"{quote_word(path.name)} is {kind}; test it with {' or '.join(allowed)}"
        elif key in EQUALITY:
            yield from _wrong_words(path, value)


def _wrong_words(path: MetaPath, value: Any) -> Iterator[MarkedMessage]:
    for word in as_list(value):
        if not isinstance(word, Scalar):
            continue
        if path.kind == "number" and not NUMBER_WORD.fullmatch(word):
            yield word.mark, f"{quote_word(path.name)} is a number, and {quote_word(word)} is none"
        if path.kind == "yes or no" and word not in FLAGS:
            yield word.mark, f"{quote_word(path.name)} is yes or no, and not {quote_word(word)}"


def _words(node: Any) -> list[str]:
    return [str(word) for word in as_list(node) if isinstance(word, Scalar)]
