"""One file as the nodes of YAML, or in our words why YAML cannot read it."""

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

from gateway.rules.problems import QUOTES, Mark

MAX_DEPTH = 32


class UnreadableError(Exception):
    """The file cannot be read any further."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.mark, self.message = mark, message


def composed(source: str) -> Node:
    """Read a file as nodes; raises UnreadableError."""
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(source)
    except MarkedYAMLError as error:
        raise UnreadableError(*_explained(error, source.splitlines())) from None
    except RecursionError:
        raise UnreadableError(Mark(1, 1), f"nested deeper than {MAX_DEPTH} levels") from None
    except ReaderError as error:
        before = source[: error.position].split("\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        raise UnreadableError(mark, "a control character, which YAML does not allow") from None
    if node is None:
        raise UnreadableError(Mark(), "is empty; it should begin with `version: 1`")
    return node


def _explained(error: MarkedYAMLError, lines: list[str]) -> tuple[Mark, str]:
    problem = error.problem or "it stops in the middle"
    unfinished = "end of stream" in problem or "stream end" in problem
    mark = mark_of(error.context_mark if unfinished and error.context_mark else error.problem_mark)
    if unfinished:
        return mark, "what is opened here is never closed"
    if "another document" in problem:
        return mark, "a second document begins here; one file holds one"
    if "'\\t'" in problem:
        return mark, "a tab stands here; use spaces"
    if "{{" in "".join(lines[mark.line - 1 : mark.line]):
        return mark, f"YAML reads {{{{ as a mapping: {QUOTES}"
    if "mapping values" in problem:
        return mark, f'YAML reads ": " as a key and its value: if this is a text, {QUOTES}'
    return mark, f"not YAML ({problem[:80]}); if this is a text, {QUOTES}"


def mark_of(mark: StreamMark | None) -> Mark:
    """Give a place as people count."""
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark()
