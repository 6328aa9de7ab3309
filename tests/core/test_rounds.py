"""Whom the net looks at: everybody within ten looks, and at once whose moment has come."""

from gateway.core.storage.look_schedule import AGAIN_MS, AT_ONCE, LOOKS_A_ROUND, LookSchedule


def knowing(count: int) -> LookSchedule:
    rounds = LookSchedule()
    rounds.set_numbers([f"n{i}" for i in range(count)])
    return rounds


def test_a_few_numbers_are_all_looked_at_each_time() -> None:
    rounds = knowing(AT_ONCE)

    assert [len(rounds.next_numbers(0)) for _ in range(3)] == [AT_ONCE] * 3


def test_a_thousand_are_looked_at_within_one_round_and_not_all_at_once() -> None:
    rounds = knowing(1_000)

    looks = [rounds.next_numbers(0) for _ in range(LOOKS_A_ROUND)]

    assert {len(look) for look in looks} == {100}
    assert {name for look in looks for name in look} == set(rounds._names)


def test_whose_moment_has_come_is_looked_at_before_their_turn() -> None:
    rounds = knowing(1_000)
    rounds.note("n900", [5_000, 9_000])

    assert "n900" not in rounds.next_numbers(4_999)
    assert "n900" in rounds.next_numbers(5_000)


def test_whose_moment_is_past_for_many_takes_no_more_than_twice_the_room() -> None:
    rounds = knowing(1_000)
    for i in range(1_000):
        rounds.note(f"n{i}", [i])

    assert len(rounds.next_numbers(1_000)) <= 200


def test_where_nothing_is_left_to_be_done_nobody_is_looked_at_out_of_turn() -> None:
    rounds = knowing(1_000)
    rounds.note("n900", [5_000])
    rounds.note("n900", [])

    assert "n900" not in rounds.next_numbers(5_000)


def test_numbers_that_are_gone_are_forgotten() -> None:
    rounds = knowing(1_000)
    rounds.note("n900", [5_000])
    rounds.set_numbers([f"n{i}" for i in range(500)])

    assert "n900" not in rounds.next_numbers(5_000)


def test_what_a_bell_did_not_move_is_rung_for_once_a_second() -> None:
    rounds = knowing(1)

    rings = [rounds.may_ring("n0", "reply", 1_000, now) for now in range(1_000, 3_000, 100)]

    assert rings.count(True) == 2
    assert rings[AGAIN_MS // 100]


def test_what_becomes_ready_next_is_rung_for_at_once() -> None:
    rounds = knowing(1)
    rounds.may_ring("n0", "reply", 1_000, 1_000)

    assert rounds.may_ring("n0", "reply", 1_100, 1_100)
    assert rounds.may_ring("n0", "bulk", 1_000, 1_100)


def test_a_clock_that_stepped_back_silences_nobody() -> None:
    rounds = knowing(1)
    rounds.may_ring("n0", "reply", 1_000, 9_000)

    assert rounds.may_ring("n0", "reply", 1_000, 2_000)
