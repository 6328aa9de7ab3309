"""Different things have different keys, and a key never changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.webhook.event_keys import digest, join, of_bytes, of_content


def test_plain_parts_are_joined_as_they_are() -> None:
    assert join("message", "106540352242922", "wamid.HBgL+/==") == (
        "message|106540352242922|wamid.HBgL+/=="
    )


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param(
            "a|b", "~0eab8a0a3380abf4c7d1fb0b43b66aafbb64a4b953e4eb2dccca579461912d0c", id="a bar"
        ),
        pytest.param(
            "~a", "~8d5679ec94e658e1de328401393caa90b352cc5bc28b6a3601f38f7fdf1de3cb", id="a tilde"
        ),
        pytest.param(
            "a\n",
            "~87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7",
            id="a newline",
        ),
        pytest.param(
            "é", "~4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c", id="no ASCII"
        ),
    ],
)
def test_odd_parts_are_hashed(part: str, expected: str) -> None:
    assert join("message", part) == f"message|{expected}"


def test_a_part_of_512_characters_stays_and_a_longer_one_is_hashed() -> None:
    assert join("a" * 512) == "a" * 512
    assert len(join("a" * 513)) == 65


@given(st.lists(st.text("a|~é "), min_size=1), st.lists(st.text("a|~é "), min_size=1))
def test_different_parts_never_share_a_key(one: list[str], other: list[str]) -> None:
    assert (join(*one) == join(*other)) == (one == other)


def test_content_is_known_by_its_canonical_json() -> None:
    key = of_content("errors", {"b": [1, "é"], "a": None})

    assert key == of_content("errors", {"a": None, "b": [1, "é"]})
    assert key == of_bytes("errors", '{"a":null,"b":[1,"é"]}'.encode())


def test_bytes_are_known_by_their_hash() -> None:
    assert of_bytes("unreadable", b"") == (
        "unreadable|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_digest_is_the_first_half_of_sha256() -> None:
    assert digest("").hex() == "e3b0c44298fc1c149afbf4c8996fb924"


def test_half_a_character_has_a_key_like_anything_else() -> None:
    assert join("message", "\ud83d") != join("message", "\ude00")
    assert len(digest("returned|\ud83d")) == 16
