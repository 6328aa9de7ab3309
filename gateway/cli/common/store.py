"""Store of a command: opened, closed, and one sentence if it is unavailable."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.common import errors
from gateway.store.redis.client import Store, StoreUnavailableError


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
