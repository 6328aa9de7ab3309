"""What Meta's statuses do to a send: they climb the ladder, confirm, and release its lane."""

from typing import Any

import pytest

from gateway.store.client import Store
from gateway.store.commit import commit
from tests.made import a_status
from tests.store.planning import planned
from tests.store.raw import now_ms, raw
from tests.store.sending import (
    PREFIX,
    WEEK,
    a_send,
    counted,
    dead_letters,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
    tell,
)  # fmt: skip

pytestmark = pytest.mark.store
ONE, TWO = a_send("one"), a_send("two")


def sent(store: Store) -> None:
    """Let the first of two sends be accepted."""
    queue(store, ONE, TWO)
    take(store, 1)
    settle(store, ONE, "accepted", wamid="wamid.out")


@pytest.mark.parametrize(
    ("news", "after"),
    [
        (["sent"], "sent"),
        (["delivered"], "delivered"),
        (["read"], "read"),
        (["played"], "played"),
        (["sent", "delivered", "read"], "read"),
        (["read", "sent"], "read"),
        (["delivered", "sent"], "delivered"),
        (["failed"], "failed"),
        (["sent", "failed"], "failed"),
        (["delivered", "failed"], "delivered"),
        (["read", "failed"], "read"),
        (["failed", "sent"], "failed"),
        (["failed", "delivered"], "failed"),
    ],
    ids="-".join,
)
def test_statuses_climb_the_ladder_and_never_go_down(
    store: Store, news: list[str], after: str
) -> None:
    sent(store)

    for status in news:
        tell(store, status, ONE)

    found = row(store, ONE)
    assert found["stage"] == after
    assert [found[f"at:{status}:1"] for status in news]  # the history holds each of them
    assert dead_letters(store) == ([f"send:{ONE.id}"] if after == "failed" else [])


def test_a_failed_status_is_final_and_tells_why(store: Store) -> None:
    sent(store)

    tell(store, "failed", ONE)

    assert (row(store, ONE)["final"], row(store, ONE)["error"]) == ("1", '{"code":131026}')
    assert counted(store, "sends.failed") == 1


def test_a_status_without_our_data_is_matched_by_its_wamid(store: Store) -> None:
    sent(store)

    tell(store, "read", wamid="wamid.out")

    assert stage(store, ONE) == "read"


def test_a_status_of_a_message_we_do_not_know_is_counted_and_known(store: Store) -> None:
    (plan,) = planned(store, a_status("wamid.foreign", "sent"))

    assert commit(store, [plan], WEEK) == [True]

    assert counted(store, "statuses.unmatched") == 1
    assert not planned(store, a_status("wamid.foreign", "sent"))


def test_a_status_that_names_a_forgotten_send_is_matched_by_its_wamid(store: Store) -> None:
    sent(store)

    tell(store, "sent", a_send("forgotten"), "wamid.out")

    assert stage(store, ONE) == "sent"


def test_an_index_that_outlived_its_send_matches_nothing(store: Store) -> None:
    sent(store)
    raw(store).delete(f"{PREFIX}send:{ONE.id}")

    tell(store, "sent", wamid="wamid.out")

    assert counted(store, "statuses.unmatched") == 1


def test_a_second_wamid_of_one_send_counts_as_doubled_once(store: Store) -> None:
    sent(store)

    tell(store, "sent", ONE, "wamid.second", attempt=2)
    tell(store, "delivered", ONE, "wamid.second", attempt=2)
    settle(store, ONE, "accepted", attempt=2, wamid="wamid.second")

    assert counted(store, "sends.doubled") == 1
    assert row(store, ONE)["wamid"] == "wamid.out"
    tell(store, "read", wamid="wamid.second")
    assert stage(store, ONE) == "read"


def test_a_status_tells_the_wamid_where_the_answer_could_not_be_read(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="")

    tell(store, "sent", ONE, "wamid.told")
    tell(store, "delivered", wamid="wamid.told")

    assert (row(store, ONE)["wamid"], stage(store, ONE)) == ("wamid.told", "delivered")
    assert counted(store, "sends.doubled") == 0


def test_a_status_before_the_answer_releases_the_lane(store: Store) -> None:
    queue(store, ONE, TWO)
    assert (take(store), take(store)) == (["one"], [])

    tell(store, "sent", ONE)

    assert take(store) == ["two"]
    settle(store, ONE, "accepted", wamid="wamid.out")
    assert stage(store, ONE) == "sent"
    assert ready_in_s(store) == 30  # the second's lease is left alone


def test_a_status_of_the_last_send_empties_the_lane(store: Store) -> None:
    queue(store, ONE)
    take(store)

    tell(store, "delivered", ONE)

    assert ready_in_s(store) is None
    assert raw(store).exists(f"{PREFIX}lane:reply:{ONE.lane}") == 0


@pytest.mark.parametrize("status", ["sent", "failed"])
def test_a_status_confirms_what_was_unconfirmed(store: Store, status: str) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "unconfirmed", wait_ms=now_ms(store) + 99_000)

    tell(store, status, ONE)

    assert stage(store, ONE) == status
    assert raw(store).zcard(f"{PREFIX}unconfirmed") == 0
    assert raw(store).pttl(f"{PREFIX}send:{ONE.id}") > 0


def test_a_status_ends_the_wait_for_another_attempt(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "later", wait_ms=100_000)

    tell(store, "sent", ONE)

    assert raw(store).zcard(f"{PREFIX}due") == 0
    assert take(store) == []


def test_late_news_of_a_dead_send_is_history_and_does_not_reopen_it(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "dead", error="{}")

    tell(store, "delivered", ONE)

    found: dict[str, Any] = row(store, ONE)
    assert (found["stage"], found["wamid"]) == ("dead", "wamid.out")
    assert int(found["at:delivered:1"]) > 0
