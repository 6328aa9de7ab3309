"""Requests made from the OpenAPI document by schemathesis: every answer is one that it names.

The short form asks each address a few times and follows links; the long form makes 5,000 requests.
"""

from collections.abc import Iterator, Set
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import one_of
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.openapi import from_url
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from gateway.core.api.keys import SCOPES, ApiKey, hash_key
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.support.stack import Stack

pytestmark = [pytest.mark.store, pytest.mark.e2e]
KEY = "gwk_contract"
# An upload waits for its turn and for a process of its own, which takes a while on a busy machine.
ASKED_WITH: dict[str, Any] = {"headers": {"authorization": f"Bearer {KEY}"}, "timeout": 120}
MOST_REQUESTS = 3_000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
QUIET = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenApiSchema]:
    """Yield the document of a web process that runs."""
    folder = tmp_path_factory.mktemp("contract")
    server = Server(folder / "valkey").start()
    store = Store(server.url)
    add_key(store, ApiKey("contract", hash_key(KEY), frozenset(SCOPES), rate=100_000))
    stack = Stack(folder, server).start("web")
    found = from_url(f"{stack.api}/v1/openapi.json")
    some = found.exclude(path_regex="/stream$")  # which ends with its campaign
    assert isinstance(some, OpenApiSchema)
    yield some
    stack.stop()
    store.close()
    server.kill()


def check_operations(schema: OpenApiSchema, examples: int) -> int:
    """Ask every address so many times, rightly and wrongly; return how many requests were made."""
    asked = count()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(QUIET, max_examples=examples)
        @given(case=one_of([operation.as_strategy(mode) for mode in GenerationMode]))
        def ask(case: Case[Any]) -> None:
            next(asked)
            case.call_and_validate(checks=CHECKS, **ASKED_WITH)

        ask()
    return next(asked)


def check_links(
    schema: OpenApiSchema, requests: int, wanted: Set[tuple[str, int]] = frozenset()
) -> set[tuple[str, int]]:
    """Follow links from one answer to the next request, so many times.

    It goes on until the wanted addresses answered so, within reason. Return which address answered
    with which status.
    """
    followed: list[tuple[str, int]] = []
    failures: list[Exception] = []

    class Client(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case[Any]) -> None:
            if case.operation.label == "POST /v1/messages" and isinstance(case.body, dict):
                # Hardly any random text is a phone number, and what is refused has no links.
                case.body = {"to": "+351912345678", "text": "Hello"}
                case.query = {}
            case.query.pop("wait", None)  # the message of a gateway without workers never changes

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return ASKED_WITH

        def validate_response(self, response: Response, case: Case[Any], **others: Any) -> None:
            followed.append((case.operation.label, response.status_code))
            try:
                case.validate_response(response, checks=CHECKS)
            except Exception as error:
                failures.append(error)
                raise

    def has_enough() -> bool:
        is_long_enough = len(followed) >= requests and wanted <= set(followed)
        return is_long_enough or len(followed) >= MOST_REQUESTS

    while not has_enough() and not failures:
        # The ids in answers are random, so Hypothesis sees no case come back as it was.
        with suppress(Flaky):
            Client.run(settings=settings(QUIET, max_examples=20, stateful_step_count=5))
    assert failures == []
    return set(followed)


def test_every_address_answers_as_the_document_says(schema: OpenApiSchema) -> None:
    assert check_operations(schema, 4) > 0


def test_what_one_answer_names_is_there_for_the_next_request(schema: OpenApiSchema) -> None:
    wanted = {("POST /v1/messages", 202), ("GET /v1/messages/{id}", 200)}

    messages = schema.include(path_regex="^/v1/messages")
    assert isinstance(messages, OpenApiSchema)
    assert wanted <= check_links(messages, 50, wanted)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_five_thousand_requests_find_no_error_of_ours(schema: OpenApiSchema) -> None:
    operations = len(list(schema.get_all_operations()))

    assert check_operations(schema, 4_000 // operations) >= 3_000
    check_links(schema, 2_000)
