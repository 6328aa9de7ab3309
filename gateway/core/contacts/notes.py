"""What is kept of a contact because a rule said so: tags and variables, within a bound; pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

MOST_BYTES = 8 * 1024


class Notes(NamedTuple):
    """Tags, sorted, and variables by name."""

    tags: tuple[str, ...]
    vars: Mapping[str, str]


def fits(tags: Iterable[str], kept: Mapping[str, str]) -> bool:
    """Say whether tags and variables together are small enough to be kept."""
    return len(orjson.dumps([tuple(tags), dict(kept)])) <= MOST_BYTES


def merged(newer: Notes, older: Notes) -> Notes:
    """Return what is kept of a person who was known as two; of the older only what has room."""
    tags = tuple(sorted({*newer.tags, *older.tags}))
    both = Notes(tags if fits(tags, newer.vars) else newer.tags, {**older.vars, **newer.vars})
    if fits(*both):
        return both
    kept = dict(newer.vars)
    for name, said in sorted(older.vars.items()):
        if name not in kept and fits(both.tags, {**kept, name: said}):
            kept[name] = said
    return both._replace(vars=kept)
