"""How a message, and what differs of several, is written on a line; pure."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from gateway.core.text import printable
from gateway.rules.testing.runner import Differs, fits

MOST = 200


def written(said: Any) -> str:
    """Write a message as a test has it, on one line and no longer than one reads."""
    line = said if isinstance(said, str) else _flow(said)
    line = printable(line).replace("\n", "⏎")
    return line if len(line) <= MOST else f"{line[:MOST]}…"


def compared(differs: Differs) -> Iterator[tuple[str, str]]:
    """Give each line with its sign: expected (-), got (+), or both ( )."""
    # What fits is the same to a reader, however much of it a test names.
    expected = [written(said) for said in differs.expected]
    got = [_as_expected(said, differs.expected) for said in differs.got]
    if not expected:
        yield "-", "(nothing)"
    for change, low, high, start, end in SequenceMatcher(None, expected, got).get_opcodes():
        if change == "equal":
            yield from ((" ", line) for line in expected[low:high])
            continue
        yield from (("-", line) for line in expected[low:high])
        yield from (("+", line) for line in got[start:end])
    if not got:
        yield "+", "(nothing)"


def _as_expected(said: Any, expected: Sequence[Any]) -> str:
    return written(next((one for one in expected if fits(one, said)), said))


def _flow(said: Any) -> str:
    match said:
        case Mapping():
            inner = ", ".join(f"{name}: {_flow(value)}" for name, value in said.items())
            return f"{{{inner}}}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, said))}]"
        case bool():
            return "yes" if said else "no"
        case _:
            return str(said)
