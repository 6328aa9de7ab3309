"""A message on the screen: its status, why it waits, and its history."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import typer

from gateway.cli.common import errors
from gateway.cli.common.output import print_json
from gateway.core.formats import format_time
from gateway.core.messages.price_list import PriceList
from gateway.store.api.message_status import ACCEPTED, FAILED, status_of
from gateway.store.api.sent_messages import SentMessage, find_message
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.web.api.messages.view import view_message

LOOK_EVERY_S = 0.2
FAILED_EXIT = 1


def follow(store: Store, bodies: Bodies, number: str, id_: str, within_s: float) -> SentMessage:
    """Return the message once Meta has it or it failed, or when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        message = find_message(store, bodies, [number], id_)
        if message is None or message.send.damage:
            raise errors.fail(f"The message {id_} is forgotten, or its stored row is damaged.")
        is_over = status_of(message.send) in (*ACCEPTED, *FAILED)
        if is_over or time.monotonic() > deadline:
            return message
        time.sleep(LOOK_EVERY_S)


def print_message(message: SentMessage, prices: PriceList, *, json: bool) -> None:
    """Print a message; the command ends with exit code 1 if it failed."""
    shown = view_message(message, datetime.now(UTC), prices)
    if json:
        print_json(shown)
    else:
        for line in _lines(shown):
            typer.echo(line)
    if shown["status"] in FAILED and shown["status"] != "cancelled":
        raise typer.Exit(FAILED_EXIT)


def _lines(shown: Mapping[str, Any]) -> Iterator[str]:
    yield f"{shown['id']} is {shown['status']}{_reason(shown)}."
    if shown["price"]:
        yield f"  price: {_price(shown['price'])}"
    for one in shown["history"]:
        details = [
            one["source"],
            *(str(one[name]) for name in ("outcome", "reason") if name in one),
        ]
        yield f"  {format_time(one['at'])}  {one['status']:11} {', '.join(details)}"


def _price(price: Mapping[str, Any]) -> str:
    """Return a price in words; what is not known is called so."""
    paid = {True: "billed", False: "free"}.get(price["billable"], "billed or not is unknown")
    words = [price["category"] or "category unknown", price["country"] or "country unknown", paid]
    if price["amount"] is None:
        words.append("amount unknown")
    elif price["currency"]:
        words.append(f"{price['amount']} {price['currency']} (prices of {price['prices_of']})")
    return ", ".join(words)


def _reason(shown: Mapping[str, Any]) -> str:
    if waiting := shown["waiting_for"]:
        until = f" until {format_time(waiting['until'])}" if waiting["until"] else ""
        return f", waiting for {waiting['reason']}{until}"
    if error := shown["error"]:
        return f": {error['title'].rstrip('.')}"
    return ""
