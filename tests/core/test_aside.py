"""Why a delivery was set aside is written down small, and read as it was written."""

import json

import pytest

from gateway.core.dead_letters.deferred_delivery import DeferReason, Kind, read_deferred
from tests.support.factories import NUMBER

REASONS: list[tuple[Kind, str, str]] = [
    ("unopened", "key 12345678", "a worker could not open it: key 12345678"),
    ("unreadable", "an alias", "a worker could not read what is stored of its contact: an alias"),
    ("failed", "WRONGTYPE of a key", "the store refused its commit: WRONGTYPE of a key"),
    ("failed", "for +351 900 000 001", "the store refused its commit: for …"),
    ("contended", "", "somebody else always changed its contact first"),
]


@pytest.mark.parametrize(("kind", "error", "reason"), REASONS)
def test_an_obstacle_is_written_down_without_what_is_private(
    kind: Kind, error: str, reason: str
) -> None:
    told = json.loads(DeferReason(kind, error, NUMBER).pack())

    assert told == {"class": kind, "reason": reason, "number": NUMBER}


def test_what_is_written_down_is_small_however_long_the_error_is() -> None:
    assert len(DeferReason("failed", "ab " * 9_000, "9" * 9_000).pack()) < 500


def noted(at_ms: int, kind: Kind) -> str:
    return f"{at_ms} {DeferReason(kind, 'an error', NUMBER).pack().decode()}"


def test_a_delivery_tells_its_first_and_its_last_error_and_when_it_is_tried_again() -> None:
    found = read_deferred("3:1000-0", 4, 9_000, noted(2_000, "unopened"), noted(5_000, "failed"))

    assert (found.id, found.number, found.cause, found.attempts) == ("3:1000-0", NUMBER, "aside", 4)
    assert [found.first_error["class"], found.last_error["class"]] == ["unopened", "failed"]
    moments = (found.kept_at, found.at, found.last_at, found.next_at)
    assert [moment.timestamp() for moment in moments] == [1, 2, 5, 9]
    assert found.error == found.last_error
    assert found.advice == "Mend the store as the error says."


def test_a_delivery_without_a_reason_is_told_all_the_same() -> None:
    found = read_deferred("3:1000-0", 0, 9_000, "", "")

    assert (found.died_ms, found.number, found.error["reason"]) == (
        1_000, "", "no reason was written down",
    )  # fmt: skip
    assert found.advice == "Remove the obstacle that it names; it is tried again by itself."
