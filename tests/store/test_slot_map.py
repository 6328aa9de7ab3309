"""Which server has which key, and what may be asked once more."""

import pytest
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, ConnectionError, MovedError, ResponseError

from gateway.store import keys
from gateway.store.redis.cluster.slot_map import Command, Slots, Spread, key_of

ONE, TWO = ("one", 1), ("two", 2)
P0, P1, P3 = (keys.partition(i) for i in (0, 1, 3))
HALF = key_slot(P3.encode()) + 1  # P3 is in the first share, P0 and P1 in the second
ROWS = [[0, HALF - 1, [b"one", 1, b"id"]], [HALF, 16383, [b"two", 2, b"id"], [b"three", 3, b"id"]]]


def a_map(rows: object = ROWS) -> Slots:
    made = Slots([ONE])
    made.read(rows, ONE)
    return made


def commands(*words: object) -> list[Command]:
    return [(one if isinstance(one, tuple) else ("GET", one), {}) for one in words]


def run(spread: Spread, **answers: object) -> list[tuple[str, list[int]]]:
    """Answer each group by its server, and return what went where."""
    went = []
    while groups := spread.groups():
        for group in groups:
            went.append((group.node[0], list(group.positions)))
            spread.take(group, [answers[group.node[0]]] * len(group.positions))
    return went


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("GET", "a"), "a"),
        (("EVALSHA", "sha", 1, "a", "b"), "a"),
        (("EVAL", "text", 1, "a"), "a"),
        (("TIME",), None),
        (("INFO", "memory"), None),
        (("PING",), None),
    ],
)
def test_a_command_goes_by_its_first_key(words: tuple[object, ...], key: str | None) -> None:
    assert key_of((words, {})) == key


def test_commands_are_grouped_by_server_and_answered_in_their_order() -> None:
    spread = Spread(a_map(), commands(P0, P3, P1))

    assert run(spread, one="from one", two="from two") == [("two", [0, 2]), ("one", [1])]
    assert spread.answers == ["from two", "from one", "from two"]


def test_a_command_without_a_key_goes_with_the_first_that_has_one() -> None:
    assert run(Spread(a_map(), commands(("TIME",), P0)), two=1) == [("two", [0, 1])]
    assert run(Spread(a_map(), commands(("TIME",))), one=1) == [("one", [0])]


def test_what_a_server_moved_is_asked_once_more_and_no_more() -> None:
    slots = a_map()
    moved = MovedError(f"{key_slot(P0.encode())} one:1")

    spread = Spread(slots, commands(P0))
    assert run(spread, two=moved, one="there") == [("two", [0]), ("one", [0])]
    assert spread.answers == ["there"]

    spread = Spread(slots, commands(P0))
    assert run(spread, one=MovedError(f"{key_slot(P0.encode())} two:2"), two=moved) == [
        ("one", [0]),
        ("two", [0]),
    ]
    assert spread.answers == [moved]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("refused"),
        ClusterDownError("down"),
        AskError(f"{key_slot(P0.encode())} one:1"),
    ],
    ids=["nobody knows whether it ran", "the cluster is down", "its slot is on the way"],
)
def test_what_else_fails_is_not_repeated_and_the_map_is_doubted(error: Exception) -> None:
    slots = a_map()

    assert run(Spread(slots, commands(P0)), two=error) == [("two", [0])]

    assert not slots.is_refresh_due()  # another look must wait a moment
    slots.PAUSE_S = 0.0
    assert slots.is_refresh_due()


def test_a_command_that_is_wrong_says_nothing_of_the_map() -> None:
    slots = a_map()
    slots.PAUSE_S = 0.0

    run(Spread(slots, commands(P0)), two=ResponseError("WRONGTYPE"))

    assert not slots.is_refresh_due()


def test_a_slot_that_nobody_has_is_down_and_its_neighbours_are_not() -> None:
    spread = Spread(a_map(ROWS[:1]), commands(P0, P3))

    assert run(spread, one="fine") == [("one", [1])]
    assert isinstance(spread.answers[0], ClusterDownError)
    assert spread.answers[1] == "fine"


@pytest.mark.parametrize("host", [None, b"", b"?"])
def test_a_server_without_a_name_is_where_the_one_that_was_asked_is(host: bytes | None) -> None:
    assert a_map([[0, 16383, [host, 7, b"id"]]]).primaries == [("one", 7)]


def test_who_answered_last_is_asked_first_and_replicas_are_asked_too() -> None:
    slots = a_map()
    slots.read(ROWS, TWO)

    assert slots.known == [TWO, ONE, ("three", 3)]


def test_without_a_map_nobody_who_can_be_asked_is_an_error() -> None:
    with pytest.raises(ConnectionError):
        Slots([ONE]).keep_old(ConnectionError("refused"))
    slots = a_map()
    slots.keep_old(ConnectionError("refused"))
    assert slots.primaries == [ONE, TWO]
