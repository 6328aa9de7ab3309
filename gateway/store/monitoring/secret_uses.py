"""Uses of app secrets: how often each has matched a delivery's signature, and when last."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.lua.scripts import source
from gateway.store.redis.client import Store, translate_error
from gateway.store.redis.driver import AsyncClient

# Of more secrets than that, those that matched nothing for the longest time are forgotten.
MOST_SECRETS = 1_000


class UsedSecret(NamedTuple):
    """One app secret: the name of its account, and its own id, which does not reveal it."""

    account: str
    id: str


class SecretUse(NamedTuple):
    """How often a secret has matched, and when it did last, in ms by the server's clock."""

    times: int
    last_ms: int


async def note_uses(client: AsyncClient, uses: Mapping[UsedSecret, int]) -> None:
    """Add to the uses of secrets. Raises StoreUnavailableError."""
    args = [
        part for secret, count in uses.items() for part in (f"{secret.account}/{secret.id}", count)
    ]
    try:
        await client.eval(source("note_secrets"), 1, keys.SECRET_USES, MOST_SECRETS, *args)
    except RedisError as error:
        raise translate_error(error) from error


def read_uses(store: Store) -> dict[UsedSecret, SecretUse]:
    """Return the uses of each secret. Raises StoreUnavailableError."""
    rows: Any = store.run(lambda client: client.hgetall(keys.SECRET_USES))
    return {
        UsedSecret(*field.decode().split("/", 1)): SecretUse(*map(int, row.split(b"|")))
        for field, row in rows.items()
    }
