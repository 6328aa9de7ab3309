"""Conditions, alone and combined: whether they hold, how that is told, and by what to find them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gateway.core.text import printable
from gateway.rules.matching.facts import EventFacts

MAX_WORDS, MAX_WORD = 3, 60  # that are shown where a condition is told
IS = ("is {}", "is not {}")

Test = Callable[[EventFacts], bool]
# Of each event for which a condition holds, one of these is true: what it is about, and the value.
Key = tuple[str, str]

# What tells most comes first.
SPECIFICITY_RANK = {
    name: rank
    for rank, name in enumerate(
        ("tapped", "text", "word", "starts_with", "contains", "matches", "from", "code", "field",
         "status", "number", "type", "event")
    )
}  # fmt: skip


class MatchResult(NamedTuple):
    """Whether a condition holds, and in the rule's own words how it does or how it fails."""

    matched: bool
    explanation: str


class Condition(Protocol):
    """Something that holds for an event or not."""

    @property
    def keys(self) -> frozenset[Key] | None:
        """One of them is true of each event for which it holds; None where nothing is known."""

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Say whether and how it holds."""


@dataclass(frozen=True, slots=True)
class SingleCondition:
    """A single test, and how it is told that it holds or fails."""

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
        """Those of the condition that tells most."""
        known = [one.keys for one in self.inner if one.keys is not None]
        return min(known, key=_specificity, default=None)

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""
        return all(one.holds(facts) for one in self.inner)

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Tell of all that hold, or of the first that fails."""
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
        """Those of all, where all have some."""
        known = [one.keys for one in self.inner]
        key_sets = [keys for keys in known if keys is not None]
        return frozenset().union(*key_sets) if len(key_sets) == len(known) else None

    def holds(self, facts: EventFacts) -> bool:
        """Say whether it holds."""
        return any(one.holds(facts) for one in self.inner)

    def evaluate(self, facts: EventFacts) -> MatchResult:
        """Tell of the first that holds, or of all that fail."""
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
        """Tell of all that fail, or of the first that holds."""
        result = Some(self.inner).evaluate(facts)
        return MatchResult(not result.matched, result.explanation)


def describe_comparison(
    label: str, verbs: tuple[str, str], words: tuple[str, ...]
) -> tuple[str, str]:
    """Tell what is compared with words of the rule, which stand for {}, as it holds or fails."""
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
