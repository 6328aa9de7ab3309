"""Requests for a customer's sends: what makes repeated ones known, and results of Celery tasks.

May raise StoreUnavailableError or ScriptError.
"""

from typing import Any

from gateway.core.contacts.erasure import StagePage
from gateway.core.sending.send import ID_LENGTH
from gateway.store import keys
from gateway.store.erasure.open_erasures import sends_key
from gateway.store.erasure.search import PersonSearch
from gateway.store.redis.key_scan import scan_keys
from gateway.store.sending.lookup import read_each

_RESULTS = f"{keys.SPACE}celery:celery-task-meta-*"
_REQUESTS = f"{keys.SPACE}{{n*}}:idempotent:*"


def erase_requests(search: PersonSearch, position: str, erasure: str) -> StagePage:
    """Erase the rows of one page of keys that lead to sends which were erased."""
    if not position and not search.store.run(lambda client: client.exists(sends_key(erasure))):
        return StagePage()
    page = scan_keys(search.store, _REQUESTS, position)
    values = read_each(search.store, [("GET", name) for name in page.names])
    ids = [(value or b"")[:ID_LENGTH] for value in values]
    are_erased = _are_erased(search, erasure, ids)
    own = [name for name, is_erased in zip(page.names, are_erased, strict=True) if is_erased]
    read_each(search.store, [("DEL", name) for name in own])
    return StagePage(page.position, {"idempotency_keys": len(own)})


def erase_results(search: PersonSearch, position: str) -> StagePage:
    """Erase the results of one page of keys that hold Meta's id of a message to the customer.

    A result does not say of which number it is, so none is erased where only some are meant.
    """
    if search.scope is not None:
        return StagePage()
    page = scan_keys(search.store, _RESULTS, position)
    values = read_each(search.store, [("GET", name) for name in page.names])
    pairs = zip(page.names, values, strict=True)
    own = [name for name, value in pairs if value and search.person.is_mentioned(value)]
    read_each(search.store, [("DEL", name) for name in own])
    return StagePage(page.position, {"task_results": len(own)})


def _are_erased(search: PersonSearch, erasure: str, ids: list[bytes]) -> list[Any]:
    if not ids:
        return []
    known: Any = search.store.run(lambda client: client.smismember(sends_key(erasure), ids))
    return list(known)
