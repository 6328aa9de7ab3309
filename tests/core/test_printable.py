"""What others wrote is shown so that a terminal obeys nothing of it."""

import pytest

from gateway.core.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Olá, 日本 👍🏽", "Olá, 日本 👍🏽", id="as it is"),
        pytest.param("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧", id="one emoji of three"),
        pytest.param("a\nb", "a\nb", id="line"),
        pytest.param("a\x1b[2J", "a\\x1b[2J", id="escape"),
        pytest.param("a\x9b2J", "a\\x9b2J", id="escape in one byte"),
        pytest.param("a\r\x07", "a\\r\\x07", id="carriage and bell"),
        pytest.param("a\u202eb", "a\\u202eb", id="the other direction"),
        pytest.param("a\ud83d", "a\\ud83d", id="half a character"),
    ],
)
def test_what_would_steer_a_terminal_is_written_by_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown
