"""When `gateway worker` starts again what died."""

import pytest

from gateway.cli.run.worker import Kind


def pauses(*lives_s: float) -> list[float]:
    """Return how long a worker is missed after each of these lives."""
    kind, now, found = Kind("default", "default", "prefork", 1), 0.0, []
    for life in lives_s:
        kind.started_at, now = now, now + life
        kind.schedule_restart(now)
        found.append(kind.start_at - now)
        now = kind.start_at
    return found


@pytest.mark.parametrize(
    ("lives_s", "expected"),
    [
        pytest.param([1] * 7, [1, 2, 4, 8, 16, 30, 30], id="it dies at once, again and again"),
        pytest.param([3600], [1], id="it lived long"),
        pytest.param([1, 1, 1, 11], [1, 2, 4, 1], id="it was up after dying at once"),
    ],
)
def test_the_pause_grows_only_while_a_worker_dies_at_once(
    lives_s: list[float], expected: list[float]
) -> None:
    assert pauses(*lives_s) == expected
