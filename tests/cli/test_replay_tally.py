"""Answers are counted by status, with the time within which a half, most and all of them came."""

from gateway.cli.develop.replay.pacing import NAMED, ReplayTally


def test_times_are_told_by_status() -> None:
    tally = ReplayTally()
    for ms in range(1, 101):
        tally.add("kept.jsonl:1", 200, ms)
    tally.add("kept.jsonl:7", 503, 2000)

    assert tally.to_dict() == {
        "200": {"count": 100, "p50_ms": 50, "p95_ms": 95, "max_ms": 100},
        "503": {"count": 1, "p50_ms": 2000, "p95_ms": 2000, "max_ms": 2000},
    }
    assert (tally.answer_count, tally.all_kept) == (101, False)
    assert tally.refused == [("kept.jsonl:7", 503)]


def test_of_many_refusals_the_first_are_named() -> None:
    tally = ReplayTally()
    for line in range(2 * NAMED):
        tally.add(f"kept.jsonl:{line}", 401, 1)

    assert tally.refused == [(f"kept.jsonl:{line}", 401) for line in range(NAMED)]


def test_nothing_answered_is_nothing_refused() -> None:
    assert ReplayTally().all_kept
    assert ReplayTally().to_dict() == {}
