"""Scripts run from an event loop: by hash, and with the errors of `client.py`."""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from gateway.store.lua.scripts import sha, source
from gateway.store.redis.client import Call, translate_error
from gateway.store.redis.driver import AsyncClient


async def run_calls(client: AsyncClient, calls: Sequence[Call], replicas: int = 0) -> list[Any]:
    """Run scripts in one round trip; a failed one has its error in place of its answer.

    Raises StoreUnavailableError where the server cannot be reached, or where fewer replicas than
    asked for have the writes.
    """
    if not calls:
        return []
    results = await _run(client, calls, replicas, by_hash=True)
    lost = [i for i, result in enumerate(results) if isinstance(result, NoScriptError)]
    if lost:
        # None of these ran: a server was restarted and has lost its scripts.
        again = await _run(client, [calls[i] for i in lost], replicas, by_hash=False)
        for i, result in zip(lost, again, strict=True):
            results[i] = result
    return [translate_error(one) if isinstance(one, RedisError) else one for one in results]


async def run_call(client: AsyncClient, call: Call) -> Any:
    """Run one script. Raises StoreUnavailableError or ScriptError."""
    (result,) = await run_calls(client, [call])
    if isinstance(result, Exception):
        raise result
    return result


async def _run(
    client: AsyncClient, calls: Sequence[Call], replicas: int, *, by_hash: bool
) -> list[Any]:
    pipe = client.pipeline(transaction=False)
    for call in calls:
        if by_hash:
            pipe.evalsha(sha(call.script), 1, call.prefix, *call.args)
        else:
            pipe.eval(source(call.script), 1, call.prefix, *call.args)
    try:
        return list(await pipe.answers(replicas))
    except RedisError as error:
        raise translate_error(error) from error
