"""Conditions, alone and combined: their tests, explanations, and index keys."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gateway.core.text import printable
from gateway.rules.matching.facts import EventFacts

MAX_WORDS, MAX_WORD = 3, 60  # that an explanation shows
IS = ("is {}", "is not {}")

Test = Callable[[EventFacts], bool]
# A subject and its value; for each event for which a condition holds, one of its keys is true.
Key = tuple[str, str]

# The most specific subject comes first.
SPECIFICITY_RANK = {
    name: rank
    for rank, name in enumerate(
        ("tapped", "exactly", "text", "word", "starts_with", "contains", "matches", "matches_raw",
         "from", "code", "call", "field", "status", "number", "type", "event")
    )
}  # fmt: skip


class MatchResult(NamedTuple):
    """The result of a condition: whether it holds, and why or why not in the rule's own words."""

    matched: bool
    explanation: str


class Condition(Protocol):
    """A condition that holds for an event or not."""

    @property
    def keys(self) -> frozenset[Key] | None:
        """Keys, one of which is true of each event for which it holds; None if none are known."""

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Say whether and how it holds."""


@dataclass(frozen=True, slots=True)
class SingleCondition:
    """A single test, with its texts for success and failure."""

    test: Test
    matched_text: str
    failed_text: str
    keys: frozenset[Key] | None = None

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""
        return self.test(facts)

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Say whether and how it holds."""
        return (
            MatchResult(True, self.matched_text)
            if self.test(facts)
            else MatchResult(False, self.failed_text)
        )


@dataclass(frozen=True, slots=True)
class Every:
    """Conditions that must all hold; none is always true."""

    inner: tuple[Condition, ...]

    @property
    def keys(self) -> frozenset[Key] | None:
        """Keys of the most specific condition."""
        known = [one.keys for one in self.inner if one.keys is not None]
        return min(known, key=_specificity, default=None)

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""
        return all(one.holds(facts) for one in self.inner)

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Explain all that hold, or the first that fails."""
        explanations = []
        for one in self.inner:
            result = one.evaluate(facts)
            if not result.matched:
                return result
            explanations.append(result.explanation)
        return MatchResult(True, _join_texts(explanations) or "always")


@dataclass(frozen=True, slots=True)
class Some:
    """Conditions of which one must hold."""

    inner: tuple[Condition, ...]

    @property
    def keys(self) -> frozenset[Key] | None:
        """Keys of all conditions, if all have some."""
        known = [one.keys for one in self.inner]
        key_sets = [keys for keys in known if keys is not None]
        return frozenset().union(*key_sets) if len(key_sets) == len(known) else None

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""
        return any(one.holds(facts) for one in self.inner)

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Explain the first that holds, or all that fail."""
        explanations = []
        for one in self.inner:
            result = one.evaluate(facts)
            if result.matched:
                return result
            explanations.append(result.explanation)
        return MatchResult(False, _join_texts(explanations))


@dataclass(frozen=True, slots=True)
class Neither:
    """Conditions of which none may hold."""

    inner: tuple[Condition, ...]
    keys: frozenset[Key] | None = None

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""
        return not any(one.holds(facts) for one in self.inner)

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Explain all that fail, or the first that holds."""
        result = Some(self.inner).evaluate(facts)
        return MatchResult(not result.matched, result.explanation)


def describe_comparison(
    label: str, verbs: tuple[str, str], words: tuple[str, ...]
) -> tuple[str, str]:
    """Return the texts of a comparison that holds and fails, with the rule's words for {}."""
    shown = ", ".join(f'"{printable(word[:MAX_WORD])}"' for word in words[:MAX_WORDS])
    if len(words) > 1:
        shown = f"one of {shown}"
    if len(words) > MAX_WORDS:
        shown = f"{shown} and {len(words) - MAX_WORDS} more"
    held, failed = verbs
    return f"{label} {held.format(shown)}", f"{label} {failed.format(shown)}"


def _join_texts(texts: Iterable[str]) -> str:
    return " and ".join(one for one in texts if one)


def _specificity(keys: frozenset[Key]) -> tuple[int, int]:
    return max((SPECIFICITY_RANK[name] for name, _ in keys), default=0), len(keys)
