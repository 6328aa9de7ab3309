"""Path of a value inside an event, as one row of the tables gives it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

ValueKind = Literal["text", "number", "yes or no", "moment", "phone number"]
KINDS: tuple[ValueKind, ...] = get_args(ValueKind)
OPEN = ".*"  # ends the name of a path that stands for many


@dataclass(frozen=True, slots=True)
class MetaPath:
    """Where a value is, what it is, and which events have it."""

    name: str  # as rules write it
    steps: tuple[str, ...]  # keys from Meta's object of the event inwards
    kind: ValueKind
    is_private: bool
    is_list: bool
    description: str
    scopes: frozenset[str]  # "message", "message:order", "status", "notice:security", …

    @property
    def head(self) -> str:
        """The first word of the name."""
        return self.name.partition(".")[0]


class _Heading(NamedTuple):
    """The events that have the paths below, and the word before those of notices."""

    scopes: frozenset[str]
    prefix: str = "notice"


def read_table(table: str) -> dict[str, MetaPath]:
    """Read a table; a path that stands below two headings belongs to the events of both."""
    paths: dict[str, MetaPath] = {}
    for path in _rows(line for line in table.splitlines() if line):
        known = paths.get(path.name)
        paths[path.name] = _join(known, path) if known else path
    return paths


def _rows(lines: Iterable[str]) -> Iterator[MetaPath]:
    heading = _Heading(frozenset())
    for line in lines:
        if line.startswith("# "):
            heading = _Heading(frozenset(line[2:].split()))
        elif line.startswith("as "):
            heading = heading._replace(prefix=line[3:])
        else:
            yield _read_row(line, heading)


def _read_row(line: str, heading: _Heading) -> MetaPath:
    named, kinds, description = line.split(" | ")
    name, _, source = named.partition(" = ")
    *privacy, kind = kinds.split(" ", 1) if kinds.startswith("private ") else (kinds,)
    one = kind if kind in KINDS else kind.removesuffix("s")
    steps = (source or name).removeprefix(f"{heading.prefix}.").removesuffix(OPEN).split(".")
    return MetaPath(
        name=name,
        steps=tuple(steps),
        kind=KINDS[KINDS.index(one)],
        is_private=bool(privacy) or one == "phone number",
        is_list=one != kind,
        description=description,
        scopes=heading.scopes,
    )


def _join(one: MetaPath, other: MetaPath) -> MetaPath:
    description = f"{one.description}; or {other.description}"
    return replace(one, description=description, scopes=one.scopes | other.scopes)
