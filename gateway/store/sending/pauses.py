"""Pauses and holds: the gateway pauses a number, an operator holds it or one of its rules."""

from collections.abc import Iterable, Sequence
from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending.pauses import NumberPauses, parse_pauses
from gateway.store import keys
from gateway.store.redis.client import Call, Store, translate_error
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending.lookup import run_commands

NO_ROOM = -1


def pause(
    store: Store,
    numbers: Iterable[str],
    reason: str,
    probe_after_ms: int,
    *,
    from_status: bool = False,
) -> None:
    """Pause numbers; one that is already paused keeps its start. Repeatable, like all here.

    `from_status` marks a pause by a status, after Meta had accepted the message: then what Meta
    accepts next proves nothing for a minute. Each of these raises StoreUnavailableError.
    """
    _control(store, numbers, "pause", reason, probe_after_ms, int(from_status))


def probe_now(store: Store, numbers: Iterable[str], code: int | None) -> None:
    """Let paused numbers be probed at once.

    The pause of a whole account, for a code, is over also where no send waits to be a probe.
    """
    _control(store, numbers, "look", "" if code is None else code)


def rest(store: Store, numbers: Iterable[str], wait_ms: int) -> None:
    """Make numbers send nothing for a while."""
    _control(store, numbers, "rest", wait_ms)


def grant(store: Store, number: str, per_second: int) -> bool:
    """Record that Meta grants a number a higher pace; a lower one changes nothing here."""
    return bool(_control(store, [number], "grant", per_second))


def hold(store: Store, numbers: Sequence[str], rule: str, reason: str) -> list[str]:
    """Hold numbers, or the sends of one rule from them; operators are shown `reason`.

    Returns the numbers that hold so many rules that this one is not held.
    """
    replies = _control_each(store, numbers, "hold", rule, reason)
    return [one for one, reply in zip(numbers, replies, strict=True) if reply == NO_ROOM]


def release(store: Store, numbers: Iterable[str], rule: str) -> int:
    """Release what was held; return for how many numbers that changed something."""
    return _control(store, numbers, "release", rule)


def pauses_by_number(store: Store, numbers: Sequence[str]) -> dict[str, NumberPauses]:
    """Return the pauses and holds of each of these numbers."""
    replies = run_commands(store, *(("HGETALL", pauses_key(one)) for one in numbers))
    return {one: parse_pauses(raw) for one, raw in zip(numbers, replies, strict=True)}


async def read_pauses(client: AsyncClient) -> dict[str, NumberPauses]:
    """Return the pauses and holds of each number. Raises StoreUnavailableError."""
    try:
        members: Any = client.smembers(keys.NUMBERS)
        numbers = sorted(name.decode() for name in await members)
        pipe = client.pipeline(transaction=False)
        for one in numbers:
            pipe.hgetall(pauses_key(one))
        pauses = [parse_pauses(raw) for raw in await pipe.execute()]
    except RedisError as error:
        raise translate_error(error) from error
    return dict(zip(numbers, pauses, strict=True))


def pauses_key(number: str) -> str:
    """Return the key of a number's pauses and holds."""
    return f"{keys.number(number)}stops"


def _control(store: Store, numbers: Iterable[str], *args: Any) -> int:
    return sum(_control_each(store, numbers, *args))


def _control_each(store: Store, numbers: Iterable[str], *args: Any) -> list[int]:
    replies = store.call_many([Call("control_number", keys.number(one), args) for one in numbers])
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
