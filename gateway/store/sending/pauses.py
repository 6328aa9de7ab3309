"""What keeps a number from sending: a machine pauses it, a person holds it or one of its rules."""

from collections.abc import Iterable, Sequence
from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending.pauses import Stops, stored
from gateway.store import keys
from gateway.store.redis.client import Call, Store, meaning
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending.lookup import ask

NO_ROOM = -1


def pause(
    store: Store, numbers: Iterable[str], why: str, probe_after_ms: int, *, late: bool = False
) -> None:
    """Pause numbers; one that is paused already stays so since it was. Repeatable, like all here.

    It is `late` where a status told it, after Meta had taken the message: what Meta takes next then
    shows nothing for a minute. Each of these raises StoreUnavailableError.
    """
    _ask(store, numbers, "pause", why, probe_after_ms, int(late))


def look(store: Store, numbers: Iterable[str], code: int | None) -> None:
    """Let those that are paused be probed at once.

    The pause of a whole account, for a code, is over also where nothing waits to be a probe.
    """
    _ask(store, numbers, "look", "" if code is None else code)


def rest(store: Store, numbers: Iterable[str], wait_ms: int) -> None:
    """Let numbers send nothing for a while."""
    _ask(store, numbers, "rest", wait_ms)


def grant(store: Store, number: str, per_second: int) -> bool:
    """Note that Meta grants a number more; what it granted is never taken back here."""
    return bool(_ask(store, [number], "grant", per_second))


def hold(store: Store, numbers: Sequence[str], rule: str, why: str) -> list[str]:
    """Let a person stop numbers, or what a rule sends from them; `why` is shown to others.

    Returns the numbers of which so many rules are held that this one is not.
    """
    replies = _replies(store, numbers, "hold", rule, why)
    return [one for one, reply in zip(numbers, replies, strict=True) if reply == NO_ROOM]


def release(store: Store, numbers: Iterable[str], rule: str) -> int:
    """Let what was held go on; return for how many numbers that changed something."""
    return _ask(store, numbers, "release", rule)


def of(store: Store, numbers: Sequence[str]) -> dict[str, Stops]:
    """Return what keeps each of these numbers from sending."""
    found = ask(store, *(("HGETALL", key(one)) for one in numbers))
    return {one: stored(raw) for one, raw in zip(numbers, found, strict=True)}


async def sentences(client: AsyncClient) -> list[str]:
    """Tell what keeps any number from sending. Raises StoreUnavailableError."""
    try:
        found: Any = client.smembers(keys.NUMBERS)
        numbers = sorted(name.decode() for name in await found)
        pipe = client.pipeline(transaction=False)
        for one in numbers:
            pipe.hgetall(key(one))
        stops = [stored(raw) for raw in await pipe.execute()]
    except RedisError as error:
        raise meaning(error) from error
    return [
        f"Number {number} is {told}."
        for number, one in zip(numbers, stops, strict=True)
        for told in one.sentences()
    ]


def key(number: str) -> str:
    """Return where the stops of a number are stored."""
    return f"{keys.number(number)}stops"


def _ask(store: Store, numbers: Iterable[str], *args: Any) -> int:
    return sum(_replies(store, numbers, *args))


def _replies(store: Store, numbers: Iterable[str], *args: Any) -> list[int]:
    replies = store.call_many([Call("control_number", keys.number(one), args) for one in numbers])
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
