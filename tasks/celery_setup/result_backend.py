"""Result backend: where another Celery application reads what became of its task.

It is Celery's own for Redis, with the client of the store: an address like ours is more than
Celery's reads, and one like Celery's would repeat calls.
"""

from typing import Any

from celery.backends.redis import RedisBackend

from gateway.config.settings import Settings
from gateway.store.redis.client import connect


class ResultBackend(RedisBackend):
    """Celery's results, kept in the store."""

    def __init__(self, *args: Any, client: Any = None, **options: Any) -> None:
        """Take the client of a caller that repeats by itself what failed; else use one's own."""
        super().__init__(*args, **options)
        self._given_client = client
        if client is not None:
            self.always_retry = False

    def _create_client(self, **_: Any) -> Any:
        return self._given_client or connect(Settings.from_env().redis_url)

    def store_result(
        self, task_id: Any, result: Any, state: Any, traceback: Any = None, *args: Any, **more: Any
    ) -> Any:
        """Store a result without a traceback, which would show our lines to its reader."""
        return super().store_result(task_id, result, state, None, *args, **more)

    def prepare_exception(self, exc: Any, serializer: Any = None) -> Any:
        """Name the nearest exception of Python itself: the reader has no class of ours.

        A module `tasks` over there may be quite another one.
        """
        prepared = super().prepare_exception(exc, serializer)
        known = next(one for one in type(exc).__mro__ if one.__module__ == "builtins")
        return prepared | {"exc_type": known.__name__, "exc_module": "builtins"}
