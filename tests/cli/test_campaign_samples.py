"""Samples of a check in the terminal: as the chat shows them, safe, and without phone numbers."""

from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.operate.campaigns.samples import draw_samples

BUTTONS = [
    {"type": "QUICK_REPLY", "text": "Stop this"},
    {"type": "URL", "text": "Shop", "url": "https://shop.example"},
]
TEMPLATE = {
    "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Spring"},
        {"type": "BODY", "text": "Hi *{{1}}*, come by."},
        {"type": "FOOTER", "text": "Shop Ana"},
        {"type": "BUTTONS", "buttons": BUTTONS},
    ]
}


def a_use(value: str) -> dict[str, Any]:
    parameters = [{"type": "text", "text": value}]
    components = [{"type": "body", "parameters": parameters}]
    template = {"name": "spring", "language": {"code": "en"}, "components": components}
    return {"type": "template", "template": template}


def a_text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def draw(*samples: Mapping[str, Any], template: Mapping[str, Any] | None = None) -> list[str]:
    """Return the lines of all frames, without their sides and the spaces before these."""
    console = Console(width=80)
    with console.capture() as drawn:
        for frame in draw_samples(samples, template):
            console.print(frame)
    return [line.strip("│ ") for line in drawn.get().splitlines()]


def test_a_template_is_drawn_with_its_own_words() -> None:
    lines = draw(a_use("Eve"), a_use("Maria-Luisa"), template=TEMPLATE)

    assert "the first, and the shortest" in lines[0]
    assert lines[1:6] == [
        "Spring", "Hi Eve, come by.", "Shop Ana", "[ Stop this ]", "[ Shop ] https://shop.example",
    ]  # fmt: skip
    assert "the longest" in lines[7]
    assert lines[9] == "Hi Maria-Luisa, come by."


def test_a_template_of_which_nothing_is_known_is_drawn_by_its_values() -> None:
    assert draw(a_use("Eve"))[1:3] == ["Template spring (en)", "- body 1  Eve"]


def test_what_a_list_has_is_drawn_in_its_groups() -> None:
    rows = [{"id": "red", "title": "Red", "description": "warm"}]
    action = {"button": "Colours", "sections": [{"title": "All", "rows": rows}]}
    inner = {"type": "list", "body": {"text": "Choose"}, "action": action}

    lines = draw({"type": "interactive", "interactive": inner})

    assert lines[1:5] == ["Choose", "[ Colours ]", "All", "- Red  warm"]


def test_a_long_message_is_broken_at_the_width_of_its_frame() -> None:
    lines = draw(a_text("word " * 40))

    assert len(lines) > 4
    assert max(map(len, lines)) <= 72


def test_what_others_wrote_controls_no_terminal() -> None:
    drawn = "".join(draw(a_text("a\x1b[31mb\u202ec [bold]d[/bold] :smile:")))

    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert "[bold]d[/bold] :smile:" in drawn


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+351 912-345-678", "…5678"),
        ("351912345678", "…5678"),
        ("912 345 678", "…5678"),
        ("(555) 123-4567", "…4567"),
        ("2026-12-01 18:30", "2026-12-01 18:30"),
        ("01.12.2026, EUR 1.234,50", "01.12.2026, EUR 1.234,50"),
        ("order 10234567", "order 10234567"),
    ],
)
def test_a_phone_number_has_its_last_digits_alone(text: str, shown: str) -> None:
    assert draw(a_text(text))[1] == shown
