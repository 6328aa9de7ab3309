"""Sends that died, each in its own way, and the letters that they became."""

import json

from gateway.core.dead_letters.dead_letter import DeadSend
from gateway.core.sending.send import Send
from gateway.store import number_list
from gateway.store.dead_letters import dead_letters
from gateway.store.maintenance import due_items
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.store.sends import queue, settle, take


def die(store: Store, send: Send, attempt: int = 1, code: int = 131047) -> None:
    """Let the next attempt of a send that waits be refused for good."""
    take(store)
    error = {"code": code, "reason": "Send a template.", "details": "24 hours"}
    note = json.dumps({"outcome": "dead"} | error)
    settle(store, send, "dead", attempt, error_json=json.dumps(error), history_json=note)


def died(store: Store, send: Send) -> DeadSend:
    queue(store, send)
    die(store, send)
    return found(store, send)


def doubted(store: Store, send: Send) -> DeadSend:
    """Let a send die of which nobody knows whether Meta had it."""
    queue(store, send)
    take(store)
    settle(store, send, "unconfirmed", wait_ms=1, history_json='{"outcome":"unconfirmed"}')
    number_list.add_number(store, NUMBER)
    due_items.tick(store)
    return found(store, send)


def found(store: Store, send: Send) -> DeadSend:
    letter = dead_letters.find(store, send.id, [NUMBER])
    assert isinstance(letter, DeadSend)
    return letter
