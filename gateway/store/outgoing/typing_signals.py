"""Typing that is shown again while a customer waits for a service: one more send in their lane."""

from datetime import timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.sending.send import Send
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store


def queue_signal(store: Store, number: str, send: Send, retention: timedelta) -> None:
    """Put a send that belongs to no event into its lane; one that was put before is not again.

    Raises StoreUnavailableError or ScriptError.
    """
    plan = Plan(number, Contact(""), changed=False, events=(), sends=(send,))
    for result in commit(store, [plan], retention):
        if isinstance(result, Exception):
            raise result
