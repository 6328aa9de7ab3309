"""The store of a command: opened, closed, and one sentence where it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.common import errors
from gateway.store.redis.client import Store, StoreUnavailableError


@contextmanager
def open_store(redis_url: str, consequence: str = "") -> Iterator[Store]:
    """Give the store, and end the command where it does not answer.

    The consequence follows in the same sentence, such as "so nothing can be told".
    """
    store = Store(redis_url)
    try:
        yield store
    except StoreUnavailableError as error:
        more = f", {consequence}" if consequence else ""
        raise errors.fail(f"Redis does not answer ({error}){more}.") from None
    finally:
        store.close()
