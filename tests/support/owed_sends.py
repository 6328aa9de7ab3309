"""Numbers that owe templates to customers of their own, ready to be sent."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.messages import template
from gateway.core.planning.batch import Plan
from gateway.core.sending.send import REPLY, Send
from gateway.store import keys, number_list
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import a_message

AT_ONCE = 50


def owe(store: Store, number: str, sends: int, name: str = "s", lane: str = "3519") -> None:
    """Let a number owe so many; `lane` is what its customers' names begin with."""
    number_list.add_number(store, number)
    for start in range(0, sends, AT_ONCE):
        made = tuple(
            _send(f"{name}{i}n{number}", f"{lane}{i:08}")
            for i in range(start, min(sends, start + AT_ONCE))
        )
        event = a_message(f"wamid.{number}.{name}.{start}")
        plan = Plan(number, Contact(""), changed=False, events=(event,), sends=made)
        assert commit(store, [plan], timedelta(days=1)) == [True]


def stages(store: Store, numbers: Sequence[str]) -> list[str]:
    """Return the stage of every send of some numbers."""
    client: Any = store.redis
    rows = [row for one in numbers for row in client.scan_iter(f"{keys.number(one)}send:*", 1000)]
    return [client.hget(row, "stage").decode() for row in rows]


def _send(name: str, customer: str) -> Send:
    body = template("hello", "en") | {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{customer}",
    }
    expires = datetime.now(UTC) + timedelta(hours=1)
    return Send(name.ljust(24, "x"), customer, REPLY, body, expires, rule="r")
