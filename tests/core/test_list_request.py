"""Requests for lists: what a query asks for, and filters that a cursor tells apart."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.api.lists.list_request import ListRequest, read_event_list, read_message_list

MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)


def test_a_query_is_read_with_every_parameter() -> None:
    query = {
        "to": "912 345 678", "from": "1001", "reference": "order 17", "status": "failed,expired",
        "since": "2026-12-01T01:00:00+01:00", "limit": "200", "cursor": "abc",
    }  # fmt: skip

    assert read_message_list(query, "PT") == ListRequest(
        number="1001", name="351912345678", reference="order 17",
        statuses=frozenset({"failed", "expired"}), since=MIDNIGHT, limit=200, cursor="abc",
    )  # fmt: skip


def test_nothing_asked_is_everything() -> None:
    assert read_message_list({}, "") == read_event_list({}) == ListRequest()


@pytest.mark.parametrize("text", ["PT.123", "+351 912 345 678", "351912345678"])
def test_a_person_is_named_as_in_requests_to_send(text: str) -> None:
    wanted = read_message_list({"to": text}, "")

    assert isinstance(wanted, ListRequest)
    assert wanted.name == ("PT.123" if text == "PT.123" else "351912345678")


@pytest.mark.parametrize(
    "query",
    [
        {"to": ""}, {"to": "hello"}, {"to": "x."}, {"to": "PT.!"}, {"reference": ""},
        {"status": ","}, {"status": "failed,"}, {"status": "FAILED"}, {"limit": "0"},
        {"limit": "1.5"}, {"limit": "-1"}, {"limit": ""}, {"since": "2026-12-01"},
        {"until": "2026-12-01T00:00:00"}, {"total": "true"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(query: dict[str, str]) -> None:
    wanted = read_message_list(query, "")

    assert not isinstance(wanted, ListRequest)
    assert {one.pointer for one in wanted} == {f"#/{name}" for name in query}


TEXTS = st.text(max_size=8)
REQUESTS = st.builds(
    ListRequest,
    number=TEXTS,
    name=TEXTS,
    reference=TEXTS,
    kind=TEXTS,
    statuses=st.frozensets(st.sampled_from(["failed", "sent", "read"])),
    since=st.none() | st.just(MIDNIGHT),
    until=st.none() | st.just(MIDNIGHT),
)


@given(REQUESTS, REQUESTS)
def test_different_filters_are_never_described_alike(one: ListRequest, other: ListRequest) -> None:
    assert (one == other) == (one.describe_filters() == other.describe_filters())
