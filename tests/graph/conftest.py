"""Servers for the tests of clients."""

from collections.abc import Iterator

import pytest

from tests.support.web.socket_servers import Serve, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that lets a `Talk` have every connection, and returns the address."""
    with serving() as start:
        yield start
