"""A worker of one process whose store is lost in the middle, and who rings for nobody."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from gateway.accounts.rulebooks import AccountRules
from gateway.config.settings import Settings
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import Store, StoreUnavailableError
from tasks.context import WorkerContext, build_context
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.tasks.worker_state import Echo, for_all

T = TypeVar("T")


class KilledError(BaseException):
    """The process is gone; no handler of ours may see it."""


@dataclass(frozen=True)
class Loss:
    """A moment at which the store is lost: once so many scripts and commands were run."""

    after: int
    answered: bool = True  # else the answer of the last of them is dropped


class Unsteady(Store):
    """A store that is lost between any two scripts or commands, even those of one pipeline."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._left: int | None = None
        self._how: type[BaseException] = KilledError
        self._answered = True

    def dying(self, after: int | None) -> AbstractContextManager[None]:
        """Let the process die after so many, and do nothing more."""
        return self._failing(Loss(after) if after is not None else None, KilledError)

    def unheard(self, loss: Loss | None) -> AbstractContextManager[None]:
        """Let one call fail; the process lives on, and so does the store."""
        return self._failing(loss, StoreUnavailableError)

    def call_many(self, calls: Any) -> list[Any]:
        if self._left is None:
            return super().call_many(calls)
        done = list(calls)[: self._left]
        results = super().call_many(done)
        self._did(len(done), all_of_it=len(done) == len(calls))
        return results

    def run(self, command: Callable[[Any], T]) -> T:
        if self._left is None:
            return super().run(command)
        if self._left == 0:
            self._did(0, all_of_it=False)
        result = super().run(command)
        self._did(1, all_of_it=True)
        return result

    def _did(self, count: int, *, all_of_it: bool) -> None:
        assert self._left is not None
        self._left -= count
        if self._left > 0 or (all_of_it and self._answered):
            return
        if self._how is not KilledError:
            self._left = None  # The wire holds again; who is dead stays dead.
        raise self._how

    @contextmanager
    def _failing(self, loss: Loss | None, how: type[BaseException]) -> Iterator[None]:
        if loss is not None:
            self._left, self._answered, self._how = loss.after, loss.answered, how
        with suppress(how):
            yield
        self._left = None


class Unheard(ThreadPoolExecutor):
    """Rings no bell: who works, and when, is what the test decides."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        return Future()


class AtOnce(ThreadPoolExecutor):
    """Does what it is given in the caller's thread, so that the same test does the same again."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def environment(server: Server, rules: Path) -> dict[str, str]:
    """Return what a worker process is told."""
    return {
        "REDIS_URL": server.url,
        "META_APP_SECRET": "s",
        "META_VERIFY_TOKEN": "v",
        "META_ACCESS_TOKEN": "EAAtesttoken",
        "META_PHONE_NUMBER_ID": NUMBER,
        "META_MESSAGES_PER_SECOND": "1000",
        "GATEWAY_RULES": str(rules),
        "GATEWAY_UNCONFIRMED": "always",
    }


def a_worker(settings: Settings, store: Store) -> WorkerContext:
    """Build what a worker process holds, on a store of ours; it rings for nobody."""
    made = build_context(settings)
    made.store.close()
    made.post_pool.shutdown()
    made.graph.close()
    made.store, made.inbox = store, Inbox(store, Bodies())
    made.ring_pool, made.post_pool = Unheard(1), AtOnce(1)
    made.rules = cast(AccountRules, SimpleNamespace(current=lambda: for_all(made, Echo())))
    return made
