"""The client of Meta's templates: pages, and lists that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.accounts.account import GraphCredentials
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.request import MAX_ANSWER_BYTES
from gateway.graph.admin.templates import TemplateClient
from tests.graph.test_setup import answering, error, reply
from tests.support.templates import WABA, a_row
from tests.support.web.socket_servers import Serve


@contextmanager
def a_client(serve: Serve, *answers: bytes) -> Iterator[tuple[TemplateClient, list[str]]]:
    asked: list[str] = []
    url = serve(answering(list(answers), asked))
    client = TemplateClient(url, GraphCredentials("EAAtoken", "v25.0"))
    yield client, asked
    client.close()


def a_page(*names: str, after: str = "") -> bytes:
    paging: dict[str, Any] = {"cursors": {"before": "x", "after": after or "end"}}
    if after:
        paging["next"] = "https://graph.facebook.com/secret"
    return reply({"data": [a_row(name) for name in names], "paging": paging})


def names_of(client: TemplateClient) -> list[str]:
    return [row["name"] for rows in client.pages(WABA) for row in rows]


def test_all_pages_are_read(serve: Serve) -> None:
    with a_client(serve, a_page("a", "b", after="c1"), a_page("c")) as (client, asked):
        assert names_of(client) == ["a", "b", "c"]

    assert "limit=100" in asked[0]
    assert "after=c1" in asked[1]


def test_a_field_that_this_version_lacks_is_left_out(serve: Serve) -> None:
    no_field = "(#100) Tried accessing nonexisting field (parameter_format) on node"
    with a_client(serve, error(100, no_field), a_page("a")) as (client, asked):
        assert names_of(client) == ["a"]

    assert "parameter_format" in asked[0]
    assert "parameter_format" not in asked[1]


def test_an_answer_that_is_too_large_is_asked_for_in_smaller_pages(serve: Serve) -> None:
    large = reply(b" " * (MAX_ANSWER_BYTES + 1))
    with a_client(serve, large, a_page("a")) as (client, asked):
        assert names_of(client) == ["a"]

    assert "limit=100 HTTP" in asked[0]
    assert "limit=10 HTTP" in asked[1]


def test_a_list_that_goes_in_a_circle_is_an_error(serve: Serve) -> None:
    pages = [a_page("a", after="same"), a_page("b", after="same")]
    with a_client(serve, *pages) as (client, _), pytest.raises(SetupError, match="no end"):
        names_of(client)


def test_an_answer_without_a_list_is_an_error(serve: Serve) -> None:
    with a_client(serve, reply({})) as (client, _), pytest.raises(SetupError, match="no list"):
        names_of(client)
