"""What a call took whose answer was lost was not posted, and is given back."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from gateway.core.sending.outcome import Outcome
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.sending.lanes import Lanes
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.store.sends import (
    FAST,
    PREFIX,
    a_send,
    about_s,
    lanes,
    queue,
    ready_in_s,
    stage,
    take,
)

pytestmark = pytest.mark.store
BEN = "351900000002"
ONE, TWO = a_send("one"), a_send("two")
TYPING = a_send("typing", repeatable=True)


class Deaf(Store):
    """A store whose answers are lost while `deaf`: every script is run, or not even that."""

    deaf = False
    runs = True
    late: Call

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        (self.late,) = calls
        answers = super().call_many(calls) if self.runs or not self.deaf else []
        if self.deaf:
            raise StoreUnavailableError("TimeoutError")
        return answers


@pytest.fixture
def deaf(store: Store, server: Server) -> Iterator[Deaf]:
    opened = Deaf(server.url)
    yield opened
    opened.close()


def lose(ours: Lanes, deaf: Deaf, outcomes: list[Outcome] | None = None) -> None:
    """Let one pump's answer be lost."""
    deaf.deaf = True
    with pytest.raises(StoreUnavailableError):
        ours.pump(outcomes or [], 9)
    deaf.deaf = False


def test_what_a_lost_answer_took_is_given_back_and_sent(store: Store, deaf: Deaf) -> None:
    queue(store, ONE, a_send("ben", BEN))
    ours = Lanes(deaf, NUMBER, FAST)
    lose(ours, deaf)
    assert (stage(store, ONE), take(store)) == ("attempting", [])

    attempts = ours.pump([], 9).attempts

    assert sorted((one.send.rstrip("x"), one.ordinal) for one in attempts) == [
        ("ben", 1),
        ("one", 1),
    ]


def test_a_call_that_is_run_after_it_was_given_up_takes_nothing(store: Store, deaf: Deaf) -> None:
    queue(store, ONE)
    ours = Lanes(deaf, NUMBER, FAST)
    deaf.runs = False
    lose(ours, deaf)
    late = deaf.late
    ours.pump([], 0)

    store.call(late.script, late.prefix, *late.args)

    assert (stage(store, ONE), take(store)) == ("queued", ["one"])


def test_what_others_took_since_is_not_given_back(store: Store, deaf: Deaf) -> None:
    queue(store, ONE)
    ours, theirs = Lanes(deaf, NUMBER, FAST), lanes(store)
    lose(ours, deaf)
    lose(ours, deaf)
    ours.pump([], 0)
    assert len(theirs.pump([], 9).attempts) == 1

    raw(store).sadd(f"{PREFIX}take:stale", ONE.id)
    store.call("pump", PREFIX, 30_000, 0, FAST, "now", "stale")

    assert (stage(store, ONE), ready_in_s(store)) == ("attempting", about_s(30))


@pytest.mark.parametrize("runs", [True, False], ids=["answer lost", "call lost"])
def test_outcomes_of_a_lost_call_are_settled_by_the_next(
    store: Store, deaf: Deaf, runs: bool
) -> None:
    queue(store, ONE, TWO)
    ours = Lanes(deaf, NUMBER, FAST)
    (attempt,) = ours.pump([], 9).attempts
    deaf.runs = runs
    lose(ours, deaf, [Outcome(attempt.send, 1, "accepted", "wamid.out")])

    attempts = ours.pump([], 9).attempts

    assert stage(store, ONE) == "accepted"
    assert [(one.send.rstrip("x"), one.ordinal) for one in attempts] == [("two", 1)]
