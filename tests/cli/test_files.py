"""How many connections fit into the files that a process may open."""

import subprocess
import sys

import pytest

from gateway.cli.common.open_files import max_connections

ASK = "import resource; from gateway.cli.common.open_files import connections; print(connections(), *resource.getrlimit(resource.RLIMIT_NOFILE))"  # noqa: E501


@pytest.mark.parametrize(
    ("open_files", "connections"), [(100, 64), (1024, 256), (2816, 2048), (10**6, 2048)]
)
def test_connections_leave_room_for_what_is_open_beside_them(
    open_files: int, connections: int
) -> None:
    assert max_connections(open_files) == connections


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [(300, 1024, "256 1024 1024"), (300, 3000, "2048 2816 3000"), (2900, 3000, "2048 2900 3000")],
)
def test_the_limit_is_raised_where_it_is_too_low(soft: int, hard: int, expected: str) -> None:
    command = f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" -c "$1"'
    asked = ["bash", "-c", command, sys.executable, ASK]
    told = subprocess.run(asked, capture_output=True, text=True, check=True)

    assert told.stdout.strip() == expected
