"""What Meta's statuses do to a send: they climb the ladder, confirm, and release its lane."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import ANA, a_message, a_status
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    about_s,
    counted,
    dead_members,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
    tell,
)

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
    assert dead_members(store) == ([f"send:{ONE.id}"] if after == "failed" else [])


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
    assert ready_in_s(store) == about_s(30)  # the second's lease is left alone


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
    assert raw(store).zscore(f"{PREFIX}finished", ONE.id) is not None


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
    settle(store, ONE, "dead", error_json="{}")

    tell(store, "delivered", ONE)

    found: dict[str, Any] = row(store, ONE)
    assert (found["stage"], found["wamid"]) == ("dead", "wamid.out")
    assert int(found["at:delivered:1"]) > 0


PRICE = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}


def test_the_price_is_kept_once(store: Store) -> None:
    sent(store)

    tell(store, "sent", ONE, pricing=PRICE)
    tell(store, "delivered", ONE, pricing={"category": "service"})

    assert orjson.loads(row(store, ONE)["pricing"]) == PRICE
    assert (counted(store, "categories.utility"), counted(store, "categories.service")) == (1, 0)


@pytest.mark.parametrize(
    ("pricing", "counter"),
    [
        ({"category": "marketing_lite", "billable": False}, "categories.marketing_lite"),
        ({"category": "smuggling"}, "categories.other"),
        ({"category": "x" * 1000}, "categories.other"),
        ({"billable": True}, "categories.other"),
        ({"type": '"category":"service"'}, "categories.other"),
    ],
)
def test_a_message_is_counted_by_a_category_that_is_known(
    store: Store, pricing: dict[str, Any], counter: str
) -> None:
    sent(store)

    tell(store, "sent", ONE, pricing=pricing)

    assert counted(store, counter) == 1


@pytest.mark.parametrize(
    ("news", "odd"),
    [
        (["sent", "delivered"], {}),
        (["read", "sent", "delivered"], {"backwards": 2}),
        (["delivered", "failed"], {"backwards": 1}),
        (["failed", "delivered"], {}),
    ],
    ids=lambda value: "-".join(value),
)
def test_what_comes_after_a_higher_one_is_counted(
    store: Store, news: list[str], odd: dict[str, int]
) -> None:
    sent(store)

    for status in news:
        tell(store, status, ONE)

    assert odd_statuses(store) == odd


@pytest.mark.parametrize(("late_s", "odd"), [(10, {}), (11, {"late": 1})])
def test_what_was_held_up_is_counted_whoever_it_is_about(
    store: Store, late_s: int, odd: dict[str, int]
) -> None:
    tell(store, "sent", wamid="wamid.foreign", delay=timedelta(seconds=late_s))

    assert odd_statuses(store) == {"unmatched": 1, **odd}


BEN, EVA = "351900000002", "PT.8845120077120911"


def members(store: Store) -> dict[str, str]:
    """Return how far each participant got, with Meta's code where it failed."""
    found = raw(store).hgetall(f"{PREFIX}members:{ONE.id}")
    told = {name.decode(): value.decode().split(" ") for name, value in found.items()}
    return {name: f"{stage} {code}".strip() for name, (_, stage, _, code) in told.items()}


@pytest.mark.parametrize(
    ("news", "of_each", "after"),
    [
        ([("sent", BEN)], {BEN: "sent"}, "sent"),
        ([("read", BEN), ("sent", EVA)], {BEN: "read", EVA: "sent"}, "read"),
        ([("read", BEN), ("delivered", BEN)], {BEN: "read"}, "read"),
        ([("failed", BEN)], {BEN: "failed 131026"}, "accepted"),
        ([("failed", BEN), ("read", EVA)], {BEN: "failed 131026", EVA: "read"}, "read"),
        ([("failed", BEN), ("delivered", BEN)], {BEN: "failed 131026"}, "delivered"),
        ([("sent", ""), ("read", BEN)], {BEN: "read"}, "read"),
    ],
    ids=["one", "two", "backwards", "failed", "failed and read", "failed first", "as a whole"],
)
def test_each_participant_of_a_group_climbs_their_own_ladder(
    store: Store, news: list[tuple[str, str]], of_each: dict[str, str], after: str
) -> None:
    sent(store)

    for status, participant in news:
        tell(store, status, ONE, participant=participant)

    assert (members(store), stage(store, ONE)) == (of_each, after)
    assert dead_members(store) == []


def test_only_so_many_participants_are_kept(store: Store) -> None:
    sent(store)
    crowd = {f"PT.{index}": "4 sent 1 " for index in range(1024)}
    raw(store).hset(f"{PREFIX}members:{ONE.id}", mapping=crowd)

    tell(store, "read", ONE, participant="PT.one.too.many")
    tell(store, "read", ONE, participant="PT.1")

    found = members(store)
    assert (len(found), found["PT.1"], odd_statuses(store)) == (1024, "read", {"crowded": 1})
    assert stage(store, ONE) == "read"


def test_what_an_older_release_left_to_redo_is_done(store: Store) -> None:
    sent(store)
    verb = ["stage", ONE.id, "wamid.out", "read", "7", "1795348144000", "", "1"]
    raw(store).hset(f"{PREFIX}contact:{ANA}", "redo", packed([verb]))

    commit(store, planned(store, a_message("wamid.next")), WEEK)

    assert stage(store, ONE) == "read"


def packed(value: Any) -> bytes:
    """Pack lists of short strings as the server's scripts do."""
    if isinstance(value, str):
        return bytes([0xA0 | len(value)]) + value.encode()
    return bytes([0x90 | len(value)]) + b"".join(packed(one) for one in value)


def odd_statuses(store: Store) -> dict[str, int]:
    counts = raw(store).hgetall(f"{PREFIX}count").items()
    found = {name.decode(): int(value) for name, value in counts}
    return {
        name.removeprefix("statuses."): value
        for name, value in found.items()
        if name.startswith("statuses.")
    }
