"""A right that the Redis user lacks is named at the start, before anything is acknowledged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.redis.client import Store
from gateway.store.server.inspection import check_server
from gateway.store.server.rights import find_missing_rights
from tests.support.servers import Server

pytestmark = pytest.mark.store


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("acl") / "valkey", appendonly="no").start()
    yield running
    running.kill()


def opened(server: Server, rights: str) -> Store:
    """Open the store as a user with these rights."""
    server.command("ACL", "SETUSER", "app", "reset", "on", ">pw", *rights.split())
    return Store(f"redis://app:pw@127.0.0.1:{server.port}/0")


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        ("~* &* +@all", ()),
        ("~gw:* &* +@all", ()),
        ("~* &* +@all -@admin", ()),
        ("~* +@all", ("&*",)),
        ("~other:* &* +@all", ("~gw:*",)),
        ("~* &* +@all -@dangerous", ("+info",)),
        ("~* &* +@all -script -wait", ("+script",)),
        ("~* &* +@all -eval -evalsha", ("+eval", "+evalsha")),
        ("~* &* +@all -time", ("+time",)),
        ("~* &* +@all -@write", ("+@write", "+@blocking")),
    ],
)
def test_each_right_that_is_missing_is_named(
    guarded: Server, rights: str, missing: tuple[str, ...]
) -> None:
    assert find_missing_rights(opened(guarded, rights)) == missing


def test_waiting_for_replicas_is_a_right_where_they_are_asked_for(guarded: Server) -> None:
    opened(guarded, "~* &* +@all -wait")
    address = f"redis://app:pw@127.0.0.1:{guarded.port}/0?replicas=1"

    assert find_missing_rights(Store(address)) == ("+wait",)


def test_a_store_without_a_right_is_unfit_and_says_which(guarded: Server) -> None:
    (sentence,) = check_server(opened(guarded, "~* +@all -time")).fatal

    assert sentence.startswith("The user of REDIS_URL lacks rights: +time &*. ")


def test_the_rights_of_the_documentation_are_enough(guarded: Server) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (line,) = [one for one in page.splitlines() if one.startswith("ACL SETUSER gateway on")]

    assert find_missing_rights(opened(guarded, line.partition(">password ")[2])) == ()
