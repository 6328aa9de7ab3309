"""Which gateway is behind the tunnel, and that none sends for real unless that was said."""

import pytest

from gateway.cli.local.workspace import Running
from gateway.cli.setup.tunnel.gateway import choose

REAL = Running(1, "http://127.0.0.1:9000", "", "redis://r", "rules", "42", "")
PLAYING = Running(
    1, "http://127.0.0.1:9000", "http://127.0.0.1:9001", "redis://r", "rules", "1", "s"
)
SAY_REAL = "sends for real: say --real"

CHOICES: dict[str, tuple[Running | None, bool, bool, str]] = {
    "nothing runs": (None, False, False, "start"),
    "nothing runs, and it is for real": (None, False, True, "start"),
    "gateway serve runs": (None, True, True, "use_serve"),
    "gateway serve runs, and --real was not said": (None, True, False, SAY_REAL),
    "gateway dev --real runs": (REAL, False, True, "use_dev"),
    "gateway dev --real runs on this port": (REAL, True, True, "use_dev"),
    "gateway dev --real runs, and --real was not said": (REAL, True, False, SAY_REAL),
    "gateway dev plays": (PLAYING, True, False, "plays with a sandbox"),
    "gateway dev plays, and it is for real": (PLAYING, True, True, "plays with a sandbox"),
}


@pytest.mark.parametrize(("running", "answers", "real", "told"), CHOICES.values(), ids=CHOICES)
def test_the_gateway_behind_the_tunnel_is_chosen(
    running: Running | None, answers: bool, real: bool, told: str
) -> None:
    assert told in choose(running, 8000, is_answering=answers, real=real)
