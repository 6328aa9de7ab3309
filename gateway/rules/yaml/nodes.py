"""YAML nodes of one rules file: every scalar as written, every value with its line."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from gateway.rules.problems import MAX_PROBLEMS, QUOTES, Mark, Problem, quote_word

MAX_CHARACTERS = 1_000_000
NOWHERE = Mark()

# The tags that YAML infers for words, lists and mappings; all of these are read as written.
TAGS = re.compile("!!(str|int|float|bool|null|timestamp|merge|value|seq|map)")
# Parts of errors that YAML reports, and what an author is told instead.
YAML_ERRORS = {
    "another document": "a second document begins here; one file holds one",
    "'\\t'": "a tab stands here; use spaces",
}
KEY_BEGINS = re.compile(r"""\s*(["']?)[\w-]+\1:""")
INDENTATION = (
    "an indentation of %d fits no line above: "
    "keys of one mapping, and dashes of one list, begin in the same column"
)
NO_COLON = "a key ends with a colon and a space, as in `then: Hello.`"
DASH = re.compile(r"(\s*)- +(?:name:\s*(.*))?")


class Scalar(str):
    """A word or text as it was written; `plain` says that it had no quotes.

    `mark` is its place, or that of its key in a line above; `source` is what the file has for it,
    quotes included, and begins at `begins`.
    """

    __slots__ = ("begins", "mark", "plain", "source")
    mark: Mark
    plain: bool
    begins: Mark
    source: str

    def mark_of_part(self, part: str, nth: int) -> Mark:
        """Return the place where a part stands for the nth time, counted from 0.

        A part that is written with escapes is not found, and has the place of the whole.
        """
        at = -1
        for _ in range(nth + 1):
            at = self.source.find(part, at + 1)
            if at < 0:
                return self.mark
        lines = self.source[:at].split("\n")
        column = len(lines[-1]) + (self.begins.column if len(lines) == 1 else 1)
        return Mark(self.begins.line + len(lines) - 1, column)


class Seq(list[Any]):
    """A list."""

    __slots__ = ("mark",)
    mark: Mark


class Map(dict[str, Any]):
    """A mapping; `marks` has the place of each key."""

    __slots__ = ("mark", "marks")
    mark: Mark
    marks: dict[str, Mark]

    def __init__(self, mark: Mark = NOWHERE) -> None:
        super().__init__()
        self.mark, self.marks = mark, {}


def as_list(node: Any) -> list[Any]:
    """Return the items of a list, or a list of a single value."""
    return node if isinstance(node, Seq) else [node]


def as_mapping(node: Any) -> Map:
    """Return a mapping, an empty one if there is none."""
    return node if isinstance(node, Map) else Map()


def parse(file: str, source: str) -> tuple[Any, list[Problem]]:
    """Parse one file; the tree is None if it is not YAML."""
    builder = _Builder(source)
    tree = None
    try:
        tree = builder.build(compose_nodes(source))
    except UnreadableError as error:
        builder.mistakes.append((error.mark, error.message))
    rules = list(_rule_lines(source.splitlines())) if builder.mistakes else []
    problems = [
        Problem(file, mark, _rule_at(rules, mark.line), message)
        for mark, message in builder.mistakes
    ]
    return tree, problems


def _rule_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the line of each outermost dash, and the name beside it."""
    outermost = None
    for line, text in enumerate(lines, 1):
        dash = DASH.match(text)
        if dash and (outermost is None or len(dash[1]) <= outermost):
            outermost = len(dash[1])
            yield line, (dash[2] or "").strip(" \"'")


def _rule_at(rules: list[tuple[int, str]], line: int) -> str:
    """Return the rule around a line: that of the outermost dash above it."""
    above = bisect_right(rules, line, key=lambda rule: rule[0])
    return rules[above - 1][1] if above else ""


def _custom_tag(node: Node) -> str:
    """Return the tag of a node as it was written, "" if YAML inferred it."""
    tag = str(node.tag).replace("tag:yaml.org,2002:", "!!", 1)
    return "" if TAGS.fullmatch(tag) else tag


class _Builder:
    """Builder of values from nodes; anchors count each time that they are used."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.mistakes: list[tuple[Mark, str]] = []
        self.characters = 0
        self.furthest = Mark()  # the last place reached, at which an anchor's errors are reported

    def build(self, node: Node, key: Mark | None = None, depth: int = 0) -> Scalar | Seq | Map:
        mark = mark_of(node.start_mark)
        if key and mark.line != key.line:
            mark = key  # a value that begins below its key, or is an anchor used again
        self.furthest = max(self.furthest, mark)
        if depth > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels, or an anchor holds itself"
            raise UnreadableError(self.furthest, message)
        self._count_characters(len(node.value) if isinstance(node, ScalarNode) else 0)
        if not isinstance(node, ScalarNode) and (tag := _custom_tag(node)):
            self._report(mark, f"{quote_word(tag)} is a tag for YAML, of which rules have none")
        match node:
            case MappingNode():
                return self._mapping(node, mark, depth)
            case SequenceNode():
                items = Seq(self.build(child, None, depth + 1) for child in node.value)
                items.mark = mark
                return items
            case _:
                return self._scalar(node, mark)

    def _report(self, mark: Mark, message: str) -> None:
        self.mistakes.append((mark, message))
        if len(self.mistakes) >= MAX_PROBLEMS:
            raise UnreadableError(mark, f"more than {MAX_PROBLEMS} mistakes; mend these first")

    def _count_characters(self, characters: int) -> None:
        self.characters += characters + 1
        if self.characters > MAX_CHARACTERS:
            raise UnreadableError(self.furthest, "anchors expand to more than 1 MB")

    def _scalar(self, node: Any, mark: Mark) -> Scalar:
        if tag := _custom_tag(node):
            return self._stand_in(mark, f"{quote_word(tag)} is a tag for YAML")
        scalar = Scalar(node.value.encode(errors="replace").decode())
        scalar.mark, scalar.plain, scalar.begins = mark, not node.style, mark_of(node.start_mark)
        scalar.source = self.source[node.start_mark.index : node.end_mark.index]
        if scalar != node.value:
            self._report(mark, "an escape such as \\ud83d is half a character")
        return scalar

    def _stand_in(self, mark: Mark, message: str) -> Scalar:
        """Report a value meant as a text, and return a stand-in, so that it is reported once."""
        self._report(mark, f"{message}: {QUOTES}")
        scalar = Scalar("?")
        scalar.mark, scalar.plain, scalar.begins, scalar.source = mark, False, mark, "?"
        return scalar

    def _mapping(self, node: MappingNode, mark: Mark, depth: int) -> Map | Scalar:
        pairs = Map(mark)
        for key, child in node.value:
            at = mark_of(key.start_mark)
            if not isinstance(key, ScalarNode):
                return self._stand_in(at, "YAML reads this as a mapping, not as a text")
            self._count_characters(len(key.value))
            name = str(self._scalar(key, at))
            if name == "<<":
                self._report(at, "'<<' takes over keys for YAML; rules write them out")
                continue
            if name in pairs:
                self._report(at, f"the key {quote_word(name)} stands twice")
            pairs.marks[name] = at
            pairs[name] = self.build(child, at, depth + 1)
        return pairs


MAX_DEPTH = 32


class UnreadableError(Exception):
    """The file cannot be read any further."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.mark, self.message = mark, message


def compose_nodes(source: str) -> Node:
    """Read a file as nodes; raises UnreadableError."""
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(source)
    except MarkedYAMLError as error:
        raise UnreadableError(*_describe_yaml_error(error, source.splitlines())) from None
    except RecursionError:
        raise UnreadableError(Mark(1, 1), f"nested deeper than {MAX_DEPTH} levels") from None
    except ReaderError as error:
        before = source[: error.position].split("\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        raise UnreadableError(mark, "a control character, which YAML does not allow") from None
    if node is None:
        raise UnreadableError(Mark(), "is empty; it should begin with `version: 1`")
    return node


def _describe_yaml_error(error: MarkedYAMLError, lines: list[str]) -> tuple[Mark, str]:
    problem = error.problem or "it stops in the middle"
    unfinished = "end of stream" in problem or "stream end" in problem
    mark = mark_of(error.context_mark if unfinished and error.context_mark else error.problem_mark)
    if unfinished:
        return mark, "what is opened here is never closed"
    if known := next((text for part, text in YAML_ERRORS.items() if part in problem), ""):
        return mark, known
    line = "".join(lines[mark.line - 1 : mark.line])
    if "expected ':'" in problem:
        return mark_of(error.context_mark), NO_COLON
    if _is_indented_wrongly(problem, line, mark):
        indent = len(line) - len(line.lstrip(" "))
        return Mark(mark.line, indent + 1), INDENTATION % indent
    return mark, _describe_unquoted(problem, line)


def _describe_unquoted(problem: str, line: str) -> str:
    if "{{" in line:
        return f"YAML reads {{{{ as a mapping: {QUOTES}"
    if "mapping values" in problem:
        return f'YAML reads ": " as a key and its value: if this is a text, {QUOTES}'
    return f"not YAML ({problem[:80]}); if this is a text, {QUOTES}"


def _is_indented_wrongly(problem: str, line: str, mark: Mark) -> bool:
    """Say whether a key or a dash that begins a line is in a column where YAML expects none."""
    if "block mapping start" in problem or "block sequence start" in problem:
        return not line[: mark.column - 1].strip()
    key = KEY_BEGINS.match(line)
    return "mapping values" in problem and key is not None and key.end() == mark.column


def mark_of(mark: StreamMark | None) -> Mark:
    """Return a place counted from 1."""
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark()
