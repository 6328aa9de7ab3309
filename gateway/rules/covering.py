"""Which rules are never asked, because one above answers all that they would; pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from gateway.rules.actions import SENDS
from gateway.rules.models import Rule
from gateway.rules.text import normal
from gateway.rules.when import ANY, TextTest, When

# One of several words must fit, so whoever takes more words takes all that fewer would.
ANY_OF = frozenset(
    {"type", "tapped", "media", "reaction", "status", "code", "field", "number", "sender"}
    | {"language", "tags"}
)
SAME_TEST = {"any_of": "equals"}


def unreached(rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    """Name each rule that is never asked, by its position, and the rule above that answers."""
    ending: list[tuple[str, list[When]]] = []
    for index, rule in enumerate(rules):
        if not rule.enabled:
            continue
        above = next((name for name, whens in ending if _all_covered(whens, rule.when)), None)
        if above is not None:
            yield index, above
        elif _ends_always(rule):
            ending.append((rule.name, list(rule.when)))


def _ends_always(rule: Rule) -> bool:
    ends = any(step.verb in SENDS for step in rule.then) if rule.stop is None else rule.stop
    return ends and not (rule.shadow or rule.cooldown or rule.at_most)


def _all_covered(above: Sequence[When], below: Sequence[When]) -> bool:
    return all(any(_covers(wide, narrow) for wide in above) for narrow in below)


def _covers(wide: When, narrow: When) -> bool:
    """Say whether whatever fits the narrow conditions surely fits the wide ones."""
    # A rule that names an age is asked about older events too.
    if not {*narrow.events} <= {*wide.events} or (narrow.age and not wide.age):
        return False
    keys = _given(wide)
    return keys <= _given(narrow) and all(
        _is_within(key, getattr(narrow, key), getattr(wide, key)) for key in keys
    )


def _given(model: BaseModel) -> set[str]:
    return model.model_fields_set - {"event"}


def _is_within(key: str, narrow: Any, wide: Any) -> bool:
    if narrow == wide:
        return True
    if key in ANY_OF:
        return ANY in wide or {*narrow} <= {*wide}
    return key == "text" and _text_within(_tests(narrow), _tests(wide))


def _tests(test: TextTest) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in test.model_fields_set:
        said = getattr(test, key)
        words = {said} if isinstance(said, str) else {*map(normal, said)}
        name = SAME_TEST.get(key, key)
        found[name] = found[name] & words if name in found else words
    return found


def _text_within(narrow: dict[str, set[str]], wide: dict[str, set[str]]) -> bool:
    return all(key in narrow and narrow[key] <= words for key, words in wide.items())
