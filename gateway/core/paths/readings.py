"""Readings of values that Meta spreads over several fields: orders, Flow answers and edits; total.

Each is a name of ours in the table, and returns what stands there in Meta's form.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import orjson

from gateway.core.webhook.customers import (
    NOTHING,
    list_field,
    object_field,
    read_content,
    text_field,
)
from gateway.core.webhook.salvage import salvage

MOST_DIGITS = 20
# Which Flow was answered; no answer of the customer.
TOKEN = "flow_token"  # noqa: S105 - the name of a field


def flow_answers(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answers of a Flow by name, empty if there are none."""
    reply = object_field(object_field(raw, "interactive"), "nfm_reply")
    answers = _decode(text_field(reply, "response_json"))
    return {name: _as_word(answer) for name, answer in answers.items()}


def _as_word(answer: Any) -> Any:
    """Return a box that was ticked or left as the word that rules have for it."""
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer


@lru_cache(maxsize=8)
def _decode(text: str) -> Mapping[str, Any]:
    """Decode an object that stands in a string; damage loses no more than it must."""
    written = text.encode(errors="replace")
    try:
        answers = orjson.loads(written)
    except orjson.JSONDecodeError:
        answers = next(iter(salvage(written)), None) if written else None
    return answers if isinstance(answers, dict) else NOTHING


def _flow(raw: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {shown}"
        for name, answer in flow_answers(raw).items()
        if name != TOKEN and (shown := _show_answer(answer))
    ]


def _show_answer(answer: Any) -> str:
    parts = answer if isinstance(answer, list) else [answer]
    return ", ".join(str(part) for part in parts if isinstance(part, str | int | float))


def _products(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = list_field(object_field(raw, "order"), "product_items")
    return [item for item in items if isinstance(item, dict)]


def _items(raw: Mapping[str, Any]) -> list[str]:
    shown = (
        (text_field(item, "quantity"), text_field(item, "product_retailer_id"))
        for item in _products(raw)
    )
    return [f"{often} x {product}" if often else product for often, product in shown if product]


def _count(raw: Mapping[str, Any]) -> str:
    return _sum_up([_decimal(item.get("quantity")) for item in _products(raw)])


def _total(raw: Mapping[str, Any]) -> str:
    """Return the sum of the prices, "" if one is missing or they have several currencies."""
    return _sum_up([_price(item) for item in _products(raw)]) if _currency(raw) else ""


def _price(item: Mapping[str, Any]) -> Decimal | None:
    price, quantity = _decimal(item.get("item_price")), _decimal(item.get("quantity"))
    return None if price is None or quantity is None else price * quantity


def _currency(raw: Mapping[str, Any]) -> str:
    currencies = {text_field(item, "currency") for item in _products(raw)}
    return currencies.pop() if len(currencies) == 1 else ""


def _sum_up(numbers: list[Decimal | None]) -> str:
    known = [number for number in numbers if number is not None]
    return f"{sum(known):f}" if known and len(known) == len(numbers) else ""


def _decimal(value: Any) -> Decimal | None:
    """Return a number, None if it is none or too large for an order."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if len(digits := str(value)) > MOST_DIGITS:
        return None
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < 10**12 else None


def _new_text(raw: Mapping[str, Any]) -> str | None:
    message = object_field(object_field(raw, "edit"), "message")
    return read_content(text_field(message, "type"), message)[0]


READINGS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "flow": _flow,
    "order.items": _items,
    "order.count": _count,
    "order.total": _total,
    "order.currency": _currency,
    "edit.text": _new_text,
}
