"""Secret of the installation with which cursors of lists are signed, the same for all processes."""

import secrets
from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store

KEY = f"{keys.API}secret"


def read_secret(store: Store) -> bytes:
    """Return the secret; the first process that asks makes it. Raises StoreUnavailableError."""
    secret: Any = store.run(lambda client: client.get(KEY))
    if secret is None:
        store.run(lambda client: client.set(KEY, secrets.token_bytes(32), nx=True))
        secret = store.run(lambda client: client.get(KEY))
    return bytes(secret)
