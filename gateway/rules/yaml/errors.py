"""Errors of pydantic about a YAML tree, worded with their place in the file."""

from collections.abc import Callable, Collection
from typing import Any, cast

from pydantic_core import ErrorDetails

from gateway.core.text import suggestion_for
from gateway.rules.problems import Mark, quote_word
from gateway.rules.yaml.nodes import Map, Seq

SENTENCES = {
    "missing": "missing",
    "string_type": "must be a text",
    "bool_parsing": "must be yes or no",
    "bool_type": "must be yes or no",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}

KEY = "[key]"  # pydantic's path step for a key instead of its value

# Returns the keys allowed at a place, from the last key of its path and the neighbours.
KnownKeys = Callable[[str, Any], Collection[str]]
Path = Any  # steps into lists and mappings


def describe_error(
    tree: Any,
    error: ErrorDetails,
    known: KnownKeys,
    skip_steps: int = 0,
    place_of: Callable[[str], str] = lambda _: "",
) -> tuple[Mark, str]:
    """Return the place and the message of an error, without the first `skip_steps` of its path.

    `place_of` says where a key belongs that is unknown at its place.
    """
    path = error["loc"]
    if not path:  # the whole tree is wrong
        return tree.mark, SENTENCES.get(error["type"], error["msg"])
    where = ".".join(part for part in path[skip_steps:] if isinstance(part, str))
    mark, message = _error_mark(tree, error), SENTENCES.get(error["type"], error["msg"])
    if path[-1] == KEY:
        where = where.rpartition(f".{path[-2]}")[0]
        message = f"{quote_word(path[-2])} {message}"
    if error["type"] == "extra_forbidden":
        *parent, key = path
        where = where.rpartition(".")[0]
        suggestion = place_of(str(key)) or _suggest_key(
            str(key), parent, node_at(tree, parent), known
        )
        message = f"unknown key {quote_word(key)}; {suggestion}"
    return mark, f"{where}: {message}" if where else message


def _error_mark(tree: Any, error: ErrorDetails) -> Mark:
    *parent, last = (*error["loc"],)
    if mark := error.get("ctx", {}).get("mark"):
        return cast("Mark", mark)
    if last == KEY or error["type"] == "extra_forbidden":
        key = parent.pop() if last == KEY else last
        return cast("Map", node_at(tree, parent)).marks[str(key)]
    return cast("Mark", node_at(tree, error["loc"]).mark)


def node_at(tree: Any, path: Path) -> Any:
    """Follow a path as far as the file goes; a single value in place of a list has no step."""
    node = tree
    for part in path:
        wanted = Seq if isinstance(part, int) else Map
        if isinstance(node, wanted) and (isinstance(part, int) or part in node):
            node = node[part]
    return node


def _suggest_key(key: str, parent: Path, neighbours: Any, known: KnownKeys) -> str:
    names = [part for part in parent if isinstance(part, str)]
    return suggestion_for(key, known(names[-1] if names else "", neighbours))
