"""A send's id, its callback data and its ladder."""

from datetime import timedelta

import pytest

from gateway.core.sending.send import (
    BULK,
    REPLY,
    STATUS_RANK,
    StatusUpdate,
    callback_data,
    lifetime,
    parse_callback_data,
    send_id,
)
from tests.support.factories import NOW


def test_the_id_of_a_rules_send_is_frozen() -> None:
    assert send_id("message|1|wamid.A", "colour", 0) == "snxtzdy2vdjhtpqttgoo2vky"


def test_a_different_cause_rule_or_position_is_another_send() -> None:
    causes = [
        ("a", "b", 0),
        ("a", "b", 1),
        ("a", "c", 0),
        ("ab", "", 0),
        ("", "ab", 0),
        ("a|1|b", "", 0),
    ]

    assert len({send_id(*cause) for cause in causes}) == 6


def test_callback_data_comes_back_as_send_and_attempt() -> None:
    ours = send_id("message|1|wamid.A", "colour", 0)

    assert parse_callback_data(callback_data(ours, 3)) == (ours, "3")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 66",
        f"{'a' * 24}",
        f"{'a' * 24}.",
        f"{'a' * 24}.x",
        f"{'a' * 23}.1",
        f"{'a' * 23}|.1",
    ],
)
def test_callback_data_that_is_not_ours_names_nothing(text: str) -> None:
    assert parse_callback_data(text) == ("", "")


def test_failed_stands_between_sent_and_delivered() -> None:
    order = sorted(STATUS_RANK, key=STATUS_RANK.__getitem__)

    assert order == [
        "queued", "attempting", "unconfirmed", "accepted", "sent", "failed", "delivered", "read",
        "played",
    ]  # fmt: skip
    assert StatusUpdate("", "", "wamid.o", "failed", NOW).status_rank == 5


@pytest.mark.parametrize(
    ("rank", "repeatable", "lasts"),
    [
        (REPLY, False, timedelta(hours=1)),
        (BULK, False, timedelta(hours=24)),
        (REPLY, True, timedelta(minutes=5)),
    ],
    ids=["reply", "bulk", "repeatable"],
)
def test_how_long_a_send_may_be_tried(rank: str, repeatable: bool, lasts: timedelta) -> None:
    assert lifetime(rank, repeatable=repeatable) == lasts
