"""Anonymous deliveries: stand-ins for all values but an allow list of harmless fields.

Kept are the structure, true, false and null, times, kinds, Meta's error codes, and our phone
number ids, without which a replay would belong to no number.
"""

import base64
import hashlib
import re
import string
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.core.events import Delivery
from gateway.core.webhook.phone_numbers import normalize_phone
from gateway.core.webhook.salvage import loads

# No country has this code, so a stand-in for a phone number belongs to no customer.
NOBODYS = "999"
# Enough letters that no two texts of a capture share a stand-in by chance.
LEAST_LETTERS = 12
_LETTERS = bytes(ord(string.ascii_lowercase[i % 26]) for i in range(256))

_DIGITS = re.compile(r"\+?(?=[^0-9]*[0-9])[0-9\s().-]+")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")


class StandIns:
    """Stand-ins for values; the same secret always gives the same ones."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret; once it is forgotten, stand-ins cannot be traced to customers."""
        self._secret = secret

    def text(self, value: str) -> str:
        """Return the stand-in for a text, in the form that its readers look for.

        All spellings of a phone number have one stand-in, and the stand-in of a wamid or user id
        looks like one; any other text becomes letters, as many as it was long or a few more.
        """
        if not value:
            return value
        if _DIGITS.fullmatch(value):
            plus = "+" if value.startswith("+") else ""
            return plus + self.phone(re.sub(r"[^0-9]", "", value))
        if value.startswith("wamid."):
            return "wamid." + base64.b64encode(self._bytes("wamid", value.encode(), 33)).decode()
        if _USER_ID.fullmatch(value):
            return f"ZZ.{self._number('user', value, 10**16):016}"
        return self.letters(value.encode(), max(LEAST_LETTERS, len(value)))

    def phone(self, digits: str) -> str:
        """Return the stand-in for a phone number."""
        return f"{NOBODYS}{self._number('phone', normalize_phone(digits), 10**12):012}"

    def integer(self, number: int) -> int:
        """Return the stand-in for a whole number, which may be a customer's phone number."""
        return int(self.phone(str(abs(number))))

    def fraction(self, number: float) -> float:
        """Return the stand-in for a number with a fraction, such as a latitude."""
        return self._number("fraction", repr(number), 10**6) / 10**4

    def letters(self, data: bytes, count: int) -> str:
        """Return `count` letters as the stand-in for any bytes."""
        return self._bytes("letters", data, count).translate(_LETTERS).decode()

    def _number(self, kind: str, value: str, below: int) -> int:
        return int.from_bytes(self._bytes(kind, value.encode(), 16)) % below

    def _bytes(self, kind: str, data: bytes, count: int) -> bytes:
        # Secret and kind have a fixed length, or an end, so that no data can imitate another kind.
        seed = hashlib.sha256(self._secret).digest() + kind.encode() + b"\0" + data
        return hashlib.shake_256(seed).digest(count)


_WORD = re.compile(r"[a-z]+(_[a-z]+)*")
_TITLE = re.compile(r"[A-Z]+(_[A-Z]+)*|[a-z]+(_[a-z]+)*")
# No phone number has ten or thirteen digits that begin with a 1: those of country 1 have eleven.
_MOMENT = re.compile(r"1[0-9]{9}|1[0-9]{12}")
_CODE = re.compile(r"[0-9]{1,6}")

# Fields that are kept where their value has the shape that Meta gives it.
_HARMLESS: Mapping[str, re.Pattern[str]] = {
    "object": _WORD,
    "field": _WORD,
    "type": _WORD,
    "status": _WORD,
    "event": _TITLE,
    "messaging_product": _WORD,
    "recipient_type": _WORD,
    "category": _WORD,
    "pricing_model": re.compile(r"[A-Z]{3}"),
    "timestamp": _MOMENT,
    "time": _MOMENT,
    "expiration_timestamp": _MOMENT,
    "code": _CODE,
    "value": re.compile(r"stop|resume|signup"),
    "phone_number_id": re.compile(r"[0-9]{1,20}"),
}
# Objects with Meta's own words; elsewhere a field of the same name may hold a customer's.
_METAS = frozenset(
    {"entry", "changes", "value", "metadata", "messages", "statuses", "interactive", "errors",
     "conversation", "origin", "pricing", "calls", "user_preferences", "automatic_events",
     "message_echoes", "groups", "state_sync", "history", "threads", "messaging", "standby",
     "system"}
)  # fmt: skip
# The form of Meta's field names; no word of a customer has it.
_NAME = re.compile(r"(?!.*[0-9]{4})[a-z][a-z0-9]*(_[a-z0-9]+)*")
# orjson reads 1,024 levels, but writes 254, and Meta comes nowhere near that.
_TOO_DEEP = (orjson.JSONEncodeError, RecursionError)


class Anonymizer:
    """Anonymizer of deliveries: a customer has the same stand-in in all of them."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret that the stand-ins are made with."""
        self._stand_ins = StandIns(secret)

    def delivery(self, delivery: Delivery) -> Delivery:
        """Return the delivery with an anonymous body and without its account."""
        return replace(delivery, body=self.body(delivery.body), account="")

    def body(self, body: bytes) -> bytes:
        """Return JSON for JSON; other bytes become as many letters, which are no JSON either."""
        try:
            return orjson.dumps(self._value(loads(body), metas=True))
        except (orjson.JSONDecodeError, *_TOO_DEEP):
            return b"x" + self._stand_ins.letters(body, len(body) - 1).encode() if body else body

    def _value(self, value: Any, *, metas: bool) -> Any:
        match value:
            case None | bool():
                return value
            case dict():
                return {self._name(k): self._field(k, v, metas) for k, v in value.items()}
            case list():
                return [self._value(one, metas=metas) for one in value]
            case str():
                return self._stand_ins.text(value)
            case int():
                return self._stand_ins.integer(value)
            case _:
                return self._stand_ins.fraction(value)

    def _field(self, name: str, value: Any, metas: bool) -> Any:
        shape = _HARMLESS.get(name) if metas else None
        if shape and type(value) in (str, int) and shape.fullmatch(str(value)):
            return value
        return self._value(value, metas=metas and (name in _METAS))

    def _name(self, name: str) -> str:
        return name if _NAME.fullmatch(name) else self._stand_ins.text(name)
