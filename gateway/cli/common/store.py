"""Store of a command: opened, closed, and one sentence if it is unavailable."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.common import errors
from gateway.config.settings import Settings
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.ownership import find_stranger


@contextmanager
def open_store(redis_url: str, consequence: str = "") -> Iterator[Store]:
    """Yield the store, and end the command if it is unavailable.

    The sentence ends with the consequence, such as "so nothing can be told".
    """
    store = Store(redis_url)
    try:
        yield store
    except StoreUnavailableError as error:
        more = f", {consequence}" if consequence else ""
        raise errors.fail(f"Redis does not answer ({error}){more}.") from None
    finally:
        store.close()


@contextmanager
def open_own_store(given: Settings, consequence: str = "") -> Iterator[Store]:
    """Yield the store for a command that writes, and end it if another installation owns that."""
    with open_store(given.redis_url, consequence) as store:
        if problem := find_stranger(store, given.installation):
            raise errors.fail(problem)
        yield store
