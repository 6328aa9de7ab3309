"""Samples of a campaign: the first message, the shortest and the longest, each once."""

import pytest

from gateway.core.campaigns.definition import choose_samples, name_samples
from gateway.core.messages import Body


def a_text(words: str) -> Body:
    return {"type": "text", "text": {"body": words}}


@pytest.mark.parametrize(
    ("texts", "chosen", "names"),
    [
        ("", "", []),
        ("aa aa", "aa", ["the first"]),
        ("aa a aaaa aaa", "aa a aaaa", ["the first", "the shortest", "the longest"]),
        ("a aaa aa", "a aaa", ["the first, and the shortest", "the longest"]),
        ("aaa a aa", "aaa a", ["the first, and the longest", "the shortest"]),
        ("aa bb cc", "aa cc", ["the first, and the shortest", "the longest"]),
    ],
)
def test_samples_say_why_they_are_shown(texts: str, chosen: str, names: list[str]) -> None:
    found = choose_samples([a_text(one) for one in texts.split()])

    assert found == [a_text(one) for one in chosen.split()]
    assert name_samples(found) == names
