"""How a server is judged by what it says of itself."""

from typing import Any

import pytest

from gateway.store.server.health import judge_server

GB = 1 << 30
GOOD: dict[str, Any] = {
    "redis_version": "7.2.4", "role": "master", "aof_enabled": 1, "maxmemory": 0,
    "maxmemory_policy": "noeviction", "total_system_memory": 8 * GB, "used_memory": GB,
}  # fmt: skip


def test_a_good_server_is_ready_without_a_word() -> None:
    health = judge_server(GOOD, "", 0)

    assert (health.is_ready, health.fatal, health.warnings) == (True, (), ())


@pytest.mark.parametrize(
    ("said", "layout", "sentence"),
    [
        ({"redis_version": "6.0.16"}, "", "Redis 6.0.16 is too old: 6.2 or newer is needed."),
        ({"redis_version": "5.0"}, "", "Redis 5.0 is too old: 6.2 or newer is needed."),
        ({}, "9/8", "The store has layout 9/8; this version needs 2/12."),
        (
            {"role": "slave"},
            "2/12",
            "Redis is a replica and cannot keep anything: use the address of its primary.",
        ),
    ],
    ids=["old", "older", "layout", "replica"],
)
def test_a_server_that_cannot_keep_is_refused(
    said: dict[str, Any], layout: str, sentence: str
) -> None:
    health = judge_server(GOOD | said, layout, 0)

    assert health.fatal == (sentence,)
    assert not health.is_ready


@pytest.mark.parametrize(
    ("said", "limit", "used", "full"),
    [
        ({"maxmemory": 4 * GB}, 0, 3 * GB, False),
        ({"maxmemory": 4 * GB}, 0, 3 * GB + 1, True),
        ({"maxmemory": 4 * GB}, GB, 2 * GB, False),
        ({}, GB, GB, True),
        ({}, 0, 3 * GB + 1, True),
        ({}, 0, 2 * GB, False),
    ],
    ids=["at three quarters", "above", "server's own wins", "ours", "half the host", "below"],
)
def test_deliveries_are_refused_from_three_quarters_of_the_limit(
    said: dict[str, Any], limit: int, used: int, full: bool
) -> None:
    assert judge_server(GOOD | said | {"used_memory": used}, "2/12", limit).is_full is full
