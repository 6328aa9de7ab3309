"""Check of a message against its template, before Meta is asked: parameters, kinds and lengths."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.core.templates.given import ODD_SPACES, GivenParameter, read_given
from gateway.core.templates.parameters import (
    BODY,
    HEADER,
    MEDIA,
    MOST_BODY,
    MOST_HEADER,
    TEXT,
    TemplateParameter,
)
from gateway.core.templates.template import TOO_LONG, WRONG_COUNT, Mismatch
from gateway.core.text import printable, suggestion_for

# Where a parameter stands in what the client wrote, by its place and key in the message.
FindPointer = Callable[[GivenParameter], str]
_SHARED_ROOM = {HEADER: MOST_HEADER, BODY: MOST_BODY}
MOST_LISTED = 20


def find_mismatches(
    components: Any,
    expected: Sequence[TemplateParameter],
    *,
    base: str = "#/template/components",
    point: FindPointer | None = None,
) -> list[Mismatch]:
    """Return everything in a message's components that does not fit a template's parameters.

    `base` is the pointer of all parameters together, and `point` gives that of one of them where
    the client wrote another form than Meta's.
    """
    given = list(read_given(components, base))
    if point:
        given = [one._replace(pointer=point(one)) for one in given]
    found: list[Mismatch] = []
    places = dict.fromkeys([*(one.where for one in expected), *(one.where for one in given)])
    for where in places:
        own = [one for one in expected if one.where == where]
        found += _check_place(where, own, [one for one in given if one.where == where], base)
    return found


def describe_parameters(expected: Sequence[TemplateParameter]) -> str:
    """Return how many parameters a template has in each place, and their keys."""
    places = dict.fromkeys(one.where for one in expected)
    parts = [
        _describe(where, {one.key: one for one in expected if one.where == where})
        for where in places
    ]
    return ", ".join(parts) or "there are no parameters"


def _check_place(
    where: str,
    expected: Sequence[TemplateParameter],
    given: Sequence[GivenParameter],
    base: str,
) -> Iterator[Mismatch]:
    known = {one.key: one for one in expected}
    is_named = any(not key.isdecimal() for key in known) and all(
        one.kind == TEXT for one in expected
    )
    if is_named and given and all(one.key.isdecimal() for one in given):
        yield Mismatch(given[0].pointer, f"has no name: {_describe(where, known)}")
        return
    for one in given:
        if one.key not in known:
            yield Mismatch(one.pointer, _extra_reason(one, where, known), WRONG_COUNT)
        else:
            yield from _check_value(one, known[one.key])
    missing = [
        one for one in expected if one.is_required and one.key not in {each.key for each in given}
    ]
    if missing:
        names = ", ".join(one.key for one in missing[:MOST_LISTED])
        detail = f"lacks {names} of the {where}: {_describe(where, known)}, and {len(given)} given"
        yield Mismatch(base, detail.replace("and 0 given", "none is given"), WRONG_COUNT)
    elif where in _SHARED_ROOM:
        yield from _check_room(where, expected, given)


def _describe(where: str, known: Mapping[str, TemplateParameter]) -> str:
    count = len(known)
    if not known:
        return f"the {where} has no parameters"
    what = "parameter" if count == 1 else "parameters"
    kinds = [
        one.key if one.kind == TEXT or one.kind == one.key else f"{one.key} ({one.kind})"
        for one in list(known.values())[:MOST_LISTED]
    ]
    return f"the {where} has {count} {what} ({', '.join(kinds)})"


def _extra_reason(given: GivenParameter, where: str, known: Mapping[str, TemplateParameter]) -> str:
    about = _describe(where, known)
    only = next(iter(known.values()), None)
    if only and (only.kind in MEDIA or only.kind == "location"):
        return f"must be of the kind {only.kind}, not {printable(given.kind)}"
    if given.key.isdecimal() or not known:
        return f"is one too many: {about}"
    hint = suggestion_for(given.key, known)
    return f"is no parameter: {about}" + (f"; {hint}" if "did you mean" in hint else "")


def _check_value(given: GivenParameter, expected: TemplateParameter) -> Iterator[Mismatch]:
    if given.kind != expected.kind:
        detail = f"must be of the kind {expected.kind}, not {printable(given.kind)}"
        yield Mismatch(given.pointer, detail)
    if given.text is None:
        return
    if not given.text.strip():
        yield Mismatch(given.pointer, "is empty, and Meta refuses an empty parameter")
    elif given.kind == TEXT and ODD_SPACES.search(given.text):
        yield Mismatch(given.pointer, "holds a line break, a tab or more than four spaces")
    if expected.max is not None and len(given.text) > expected.max:
        detail = f"has {len(given.text):,} characters; the template leaves {expected.max:,}"
        yield Mismatch(given.pointer, detail, TOO_LONG)


def _check_room(
    where: str, expected: Sequence[TemplateParameter], given: Sequence[GivenParameter]
) -> Iterator[Mismatch]:
    """Check the parameters of a text together: they share what its own words leave of its length.

    A single one that is too long was reported already.
    """
    room = min((one.max for one in expected if one.max is not None), default=None)
    if room is None or len(given) < 2 or any(len(one.text or "") > room for one in given):
        return
    if (count := sum(len(one.text or "") for one in given)) > room:
        detail = f"is too long with the others: all of the {where} have {count:,} characters"
        detail = f"{detail}, and the template leaves {room:,}"
        yield Mismatch(given[-1].pointer, detail, TOO_LONG)
