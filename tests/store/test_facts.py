"""What became of an attempt is a fact, whoever tells it and however late."""

import pytest

from gateway.store.redis.client import ScriptError, Store
from tests.support.store.raw import raw
from tests.support.store.sends import (
    PREFIX,
    a_send,
    about_s,
    counted,
    dead_members,
    make_ready,
    queue,
    ready_in_s,
    row,
    settle,
    stage,
    take,
)

pytestmark = pytest.mark.store
BEN = "351900000002"
ONE, TWO = a_send("one"), a_send("two")
TYPING = a_send("typing", repeatable=True)


def lose_lease(store: Store) -> None:
    """Let another pump find that the holder of the only attempt is gone."""
    make_ready(store)
    take(store)


@pytest.mark.parametrize(
    ("step", "after"),
    [("accepted", "accepted"), ("dead", "dead"), ("later", "unconfirmed")],
)
def test_what_a_stale_holder_learned_is_a_fact_and_only_raises_the_stage(
    store: Store, step: str, after: str
) -> None:
    queue(store, ONE)
    take(store)
    lose_lease(store)

    settle(store, ONE, step, wamid="wamid.out" if step == "accepted" else "", history_json='"late"')

    assert (stage(store, ONE), row(store, ONE)["attempt:1"]) == (after, '"late"')
    assert raw(store).zcard(f"{PREFIX}unconfirmed") == (after == "unconfirmed")


@pytest.mark.parametrize("step", ["later", "unconfirmed"])
def test_a_stale_outcome_does_not_move_the_lane_of_the_next_attempt(
    store: Store, step: str
) -> None:
    queue(store, TYPING)
    take(store)
    make_ready(store)
    take(store)

    settle(store, TYPING, step, attempt=1, wait_ms=1_000)

    assert (stage(store, TYPING), ready_in_s(store)) == ("attempting", about_s(30))


def test_an_accepted_send_that_is_settled_again_leaves_its_successor_alone(store: Store) -> None:
    queue(store, ONE, TWO)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.out")
    take(store)

    settle(store, ONE, "accepted", wamid="wamid.out")

    assert (stage(store, TWO), ready_in_s(store)) == ("attempting", about_s(30))
    assert counted(store, "sends.accepted") == 1


@pytest.mark.parametrize("step", ["later", "unconfirmed", "dead", "dropped"])
def test_an_accepted_send_stays_accepted(store: Store, step: str) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.out")

    settle(store, ONE, step)

    assert (stage(store, ONE), dead_members(store)) == ("accepted", [])


def test_a_second_message_for_one_send_is_counted_once(store: Store) -> None:
    queue(store, ONE)
    take(store)
    settle(store, ONE, "accepted", wamid="wamid.first")

    settle(store, ONE, "accepted", wamid="wamid.second")
    settle(store, ONE, "accepted", wamid="wamid.second")

    assert counted(store, "sends.doubled") == 1
    assert raw(store).get(f"{PREFIX}wamid:wamid.second") == ONE.id.encode()


def test_an_outcome_of_a_forgotten_send_is_ignored(store: Store) -> None:
    settle(store, ONE, "accepted", wamid="wamid.out")

    assert raw(store).keys(f"{PREFIX}send:*") == []


def test_an_outcome_that_nobody_knows_changes_nothing(store: Store) -> None:
    queue(store, ONE)
    take(store)

    with pytest.raises(ScriptError, match="no such outcome"):
        settle(store, ONE, "shrugged", error_json="{}")

    assert "last_error" not in row(store, ONE)
