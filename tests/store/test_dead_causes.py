"""Causes of dead letters: counted as the letters say, without reading the rows of sends whole."""

from collections import Counter

import pytest

from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.planning.batch import Failure
from gateway.store import number_list
from gateway.store.dead_letters import dead_letters
from gateway.store.dead_letters.causes import count_causes
from gateway.store.planning.commit import store_dead_letters
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER, a_message
from tests.support.store.compacted_sends import compact
from tests.support.store.dead_sends import died, doubted
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, a_send

pytestmark = pytest.mark.store
MONTH_MS = 31 * 24 * 3_600_000


def counted(store: Store, most: int = 100) -> dict[tuple[str, str, int | None], int]:
    found = count_causes(store, DeadLetterFilter(), most)
    return {(one.number, one.cause, one.code): many for one, many in found.items()}


def said(store: Store) -> Counter[tuple[str, str, int | None]]:
    letters = dead_letters.iter_dead_letters(store, DeadLetterFilter())
    return Counter((one.number, one.cause, one.code) for one in letters)


def test_causes_are_those_of_the_letters(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    died(store, a_send("compacted", "351900000001"))
    assert compact(store, MONTH_MS) == 1
    for nth in range(3):
        died(store, a_send(f"s{nth}", f"35191000000{nth}"))
    doubted(store, a_send("doubted", "351900000002"))
    again = died(store, a_send("again", "351900000003"))
    assert dead_letters.redrive(store, again) == "redriven"
    store_dead_letters(store, [Failure(a_message("wamid.in"), "ValueError", "")])
    raw(store).set(f"{PREFIX}send:damaged", "no row")
    raw(store).zadd(f"{PREFIX}dead", {"send:damaged": 1})

    assert counted(store) == said(store)
    assert counted(store)[NUMBER, "refused", 131047] == 4
    assert sum(counted(store).values()) == 6


def test_rows_are_not_read_whole(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    for nth in range(4):
        died(store, a_send(f"s{nth}", f"35191000000{nth}"))
    store.redis.config_resetstat()

    assert counted(store, most=3) == {(NUMBER, "refused", 131047): 3}
    assert "cmdstat_hgetall" not in store.redis.info("commandstats")


def test_other_numbers_are_not_counted(store: Store) -> None:
    number_list.add_number(store, NUMBER)
    died(store, a_send("first"))

    assert count_causes(store, DeadLetterFilter(numbers=frozenset({"999"})), 9) == Counter()
