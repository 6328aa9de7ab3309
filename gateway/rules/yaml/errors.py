"""What pydantic found wrong with a tree of YAML, said with its place in the file."""

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

KEY = "[key]"  # the step by which pydantic means a key and not its value

# Names the keys that may stand at a place, whose last key it is given, with its neighbours.
KnownKeys = Callable[[str, Any], Collection[str]]
Path = Any  # steps into lists and mappings


def describe_error(
    tree: Any, error: ErrorDetails, known: KnownKeys, skip_steps: int = 0
) -> tuple[Mark, str]:
    """Return where a fault stands and what it is; `above` steps of its path need no words."""
    path = error["loc"]
    if not path:  # the whole of it is meant
        return tree.mark, SENTENCES.get(error["type"], error["msg"])
    where = ".".join(part for part in path[skip_steps:] if isinstance(part, str))
    mark, message = _error_mark(tree, error), SENTENCES.get(error["type"], error["msg"])
    if path[-1] == KEY:
        where = where.rpartition(f".{path[-2]}")[0]
        message = f"{quote_word(path[-2])} {message}"
    if error["type"] == "extra_forbidden":
        *parent, key = path
        where = where.rpartition(".")[0]
        suggestion = _suggest_key(str(key), parent, node_at(tree, parent), known)
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
    """Follow a path as far as the file goes; one value that stands for a list has no step."""
    node = tree
    for part in path:
        wanted = Seq if isinstance(part, int) else Map
        if isinstance(node, wanted) and (isinstance(part, int) or part in node):
            node = node[part]
    return node


def _suggest_key(key: str, parent: Path, neighbours: Any, known: KnownKeys) -> str:
    names = [part for part in parent if isinstance(part, str)]
    return suggestion_for(key, known(names[-1] if names else "", neighbours))
