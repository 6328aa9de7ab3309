"""Planning stops for a bad release, and not for one odd message."""

from gateway.core.planning.circuit_breaker import Breaker


def test_twenty_failures_in_a_row_stop_it() -> None:
    breaker = Breaker()

    told = [breaker.note("r1", 0, [f"contact {i}"], float(i)) for i in range(20)]

    assert told == [False] * 19 + [True]


def test_one_failure_among_many_does_not() -> None:
    breaker = Breaker()

    assert not any(breaker.note("r1", 999, [f"contact {i}"], i / 10) for i in range(100))


def test_one_in_fifty_within_a_minute_stops_it_once_there_are_twenty() -> None:
    breaker = Breaker()

    told = [breaker.note("r1", 49, [f"contact {i}"], float(i)) for i in range(20)]

    assert told == [False] * 19 + [True]


def test_the_odd_messages_of_one_customer_stop_nobody() -> None:
    breaker = Breaker()

    assert not any(breaker.note("r1", 9, ["a contact"], i / 10) for i in range(500))
    assert not any(breaker.note("r1", 0, ["a contact"] * 5, 50 + i / 10) for i in range(500))


def test_a_few_customers_are_enough_where_everything_fails() -> None:
    breaker = Breaker()

    told = [breaker.note("r1", 0, [f"contact {i % 3}"], float(i)) for i in range(20)]

    assert told == [False] * 19 + [True]


def test_failures_of_an_hour_ago_do_not_count() -> None:
    breaker = Breaker()
    for i in range(19):
        breaker.note("r1", 49, [f"contact {i}"], float(i))

    assert not breaker.note("r1", 49, ["contact 99"], 3600.0)


def test_after_a_stop_it_counts_afresh() -> None:
    breaker = Breaker()
    for i in range(20):
        breaker.note("r1", 0, [f"contact {i}"], float(i))

    breaker.reset()

    assert not breaker.note("r1", 0, ["contact 99"], 21.0)


def test_what_failed_under_the_rules_before_does_not_stop_those_that_mend_it() -> None:
    breaker = Breaker()
    for i in range(19):
        breaker.note("r1", 0, [f"contact {i}"], float(i))

    assert not breaker.note("r2", 0, ["contact 99"], 19.0)
