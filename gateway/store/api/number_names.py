"""Our numbers, read from an event loop."""

from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.redis.client import translate_error
from gateway.store.redis.driver import AsyncClient


async def read_numbers(client: AsyncClient) -> list[str]:
    """Return every number that has ever had an event, without the canary's.

    Raises StoreUnavailableError or ScriptError.
    """
    try:
        members: Any = await client.smembers(keys.NUMBERS)
    except RedisError as error:
        raise translate_error(error) from error
    return sorted({name.decode() for name in members} - {"", canary.NUMBER})
