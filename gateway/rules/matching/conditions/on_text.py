"""Conditions on a text: of the message, or of the headline of an ad."""

from collections.abc import Callable, Iterator, Mapping

from gateway.rules.language.conditions import PATTERN_TESTS, TextTest
from gateway.rules.matching.conditions.condition import (
    IS,
    Key,
    SingleCondition,
    Test,
    describe_comparison,
)
from gateway.rules.matching.facts import EventFacts
from gateway.rules.text import (
    ComparableText,
    compile_pattern,
    exact_form,
    normalize,
    plain_form,
    spaced_words,
)

Look = Callable[[EventFacts], ComparableText]
LookAtAll = Callable[[EventFacts], tuple[ComparableText, ...]]
Holds = Callable[[ComparableText], bool]

TEST_VERBS = {
    "equals": IS,
    "any_of": IS,
    "exactly": ("is exactly {}", "is not exactly {}"),
    "contains": ("contains {}", "does not contain {}"),
    "word": ("has {} as a word", "does not have {} as a word"),
    "starts_with": ("starts with {}", "does not start with {}"),
    "matches": ("matches {}", "does not match {}"),
    "matches_raw": ("as written matches {}", "as written does not match {}"),
}


def text_conditions(test: TextTest) -> Iterator[SingleCondition]:
    """Compile tests of the text, caption, or title that was tapped."""
    return _build_conditions(test, "text", lambda facts: facts.text, is_indexed=True)


def headline_conditions(test: TextTest) -> Iterator[SingleCondition]:
    """Compile tests of the headline of the ad or post that a message came from."""
    return _build_conditions(test, "headline", lambda facts: facts.headline, is_indexed=False)


def _build_conditions(
    test: TextTest, label: str, look: Look, *, is_indexed: bool
) -> Iterator[SingleCondition]:
    for kind, words, holds, keys in _compile_tests(test):
        yield _build_condition(label, kind, words, look, holds, keys if is_indexed else None)


def conditions_on_any(
    test: TextTest, label: str, look: LookAtAll, keys: frozenset[Key] | None
) -> Iterator[SingleCondition]:
    """Compile tests of several texts, each of which holds if one of the texts passes it."""
    for kind, words, holds, _ in _compile_tests(test):
        texts = describe_comparison(label, TEST_VERBS[kind], words)
        yield SingleCondition(_passes_any(holds, look), *texts, keys)


def _passes_any(holds: Holds, look: LookAtAll) -> Test:
    return lambda facts: any(map(holds, look(facts)))


def _compile_tests(
    test: TextTest,
) -> Iterator[tuple[str, tuple[str, ...], Holds, frozenset[Key]]]:
    """Yield each test that is given: its kind, its words, how it is done, its index keys."""
    for kind, build in TESTS.items():
        if words := getattr(test, kind):
            compared = tuple(map(FORMS[kind], words))
            yield kind, words, build(compared), KEYS[kind](compared)
    for kind in PATTERN_TESTS:
        if source := getattr(test, kind):
            yield kind, (source,), _matches(kind, source), frozenset({(kind, source)})


def _build_condition(
    label: str,
    kind: str,
    words: tuple[str, ...],
    look: Look,
    holds: Holds,
    keys: frozenset[Key] | None,
) -> SingleCondition:
    held, failed = describe_comparison(label, TEST_VERBS[kind], words)
    return SingleCondition(lambda facts: holds(look(facts)), held, failed, keys)


def _equals(words: tuple[str, ...]) -> Holds:
    wanted = frozenset(words)
    return lambda text: text.normal in wanted


def _contains(words: tuple[str, ...]) -> Holds:
    return lambda text: text.plain is not None and any(word in text.plain for word in words)


def _word(words: tuple[str, ...]) -> Holds:
    phrases = tuple(map(spaced_words, words))
    return lambda text: any(phrase in text.words for phrase in phrases)


def _starts_with(words: tuple[str, ...]) -> Holds:
    return lambda text: any(start.startswith(words) for start in text.beginnings)


def _exactly(words: tuple[str, ...]) -> Holds:
    wanted = frozenset(words)
    return lambda text: text.exact in wanted


def _matches(kind: str, source: str) -> Holds:
    search = compile_pattern(source).search

    def test(text: ComparableText) -> bool:
        searched = text.searched_by(kind)
        return searched is not None and search(searched) is not None

    return test


# The form in which the words of a test are compared.
FORMS: Mapping[str, Callable[[str], str]] = {
    "equals": normalize, "any_of": normalize, "exactly": exact_form, "contains": plain_form,
    "word": normalize, "starts_with": plain_form,
}  # fmt: skip
TESTS: dict[str, Callable[[tuple[str, ...]], Holds]] = {
    "equals": _equals,
    "any_of": _equals,
    "exactly": _exactly,
    "contains": _contains,
    "word": _word,
    "starts_with": _starts_with,
}


def _keys(name: str) -> Callable[[tuple[str, ...]], frozenset[Key]]:
    return lambda words: frozenset((name, word) for word in words)


def _phrases(words: tuple[str, ...]) -> frozenset[Key]:
    return frozenset(("word", spaced_words(word)) for word in words)


KEYS: dict[str, Callable[[tuple[str, ...]], frozenset[Key]]] = {
    "equals": _keys("text"),
    "any_of": _keys("text"),
    "exactly": _keys("exactly"),
    "contains": _keys("contains"),
    "word": _phrases,
    "starts_with": _keys("starts_with"),
}
