"""A delivery without anybody in it: stand-ins for all but an allow list of harmless fields; pure.

What stays: the structure, what is true, false or null, when things happened, of which kind they
are, Meta's error codes, and our phone number ids, without which a replay would be of no number.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.core.capture.stand_ins import StandIns
from gateway.core.events import Delivery
from gateway.core.webhook.salvage import loads

_WORD = re.compile(r"[a-z]+(_[a-z]+)*")
_TITLE = re.compile(r"[A-Z]+(_[A-Z]+)*|[a-z]+(_[a-z]+)*")
# No phone number has ten or thirteen digits that begin with a 1: those of country 1 have eleven.
_MOMENT = re.compile(r"1[0-9]{9}|1[0-9]{12}")
_CODE = re.compile(r"[0-9]{1,6}")

# What stays, where its value has the shape that Meta gives it.
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
# Where Meta's own words stand; anywhere else a field of the same name may hold anybody's.
_METAS = frozenset(
    {"entry", "changes", "value", "metadata", "messages", "statuses", "interactive", "errors",
     "conversation", "origin", "pricing", "calls", "user_preferences", "automatic_events",
     "message_echoes", "groups", "state_sync", "history", "threads", "messaging", "standby",
     "system"}
)  # fmt: skip
# How Meta writes names of fields; a customer's word can be none.
_NAME = re.compile(r"(?!.*[0-9]{4})[a-z][a-z0-9]*(_[a-z0-9]+)*")
# orjson reads 1,024 levels, but writes 254, and Meta comes nowhere near that.
_TOO_DEEP = (orjson.JSONEncodeError, RecursionError)


class Anonymous:
    """Makes deliveries anonymous, one like the other: a person has one stand-in in all of them."""

    def __init__(self, secret: bytes) -> None:
        """Take what the stand-ins are made with."""
        self._stand_ins = StandIns(secret)

    def delivery(self, delivery: Delivery) -> Delivery:
        """Return the delivery with another body, and of no account."""
        return replace(delivery, body=self.body(delivery.body), account="")

    def body(self, body: bytes) -> bytes:
        """Return JSON for JSON; what is none becomes as many letters, which are none either."""
        try:
            return orjson.dumps(self._value(loads(body), metas=True))
        except (orjson.JSONDecodeError, *_TOO_DEEP):
            return b"x" + self._stand_ins.letters(body, len(body) - 1).encode() if body else body

    def _value(self, said: Any, *, metas: bool) -> Any:
        match said:
            case None | bool():
                return said
            case dict():
                return {self._name(k): self._field(k, v, metas) for k, v in said.items()}
            case list():
                return [self._value(one, metas=metas) for one in said]
            case str():
                return self._stand_ins.text(said)
            case int():
                return self._stand_ins.integer(said)
            case _:
                return self._stand_ins.fraction(said)

    def _field(self, name: str, said: Any, metas: bool) -> Any:
        shape = _HARMLESS.get(name) if metas else None
        if shape and type(said) in (str, int) and shape.fullmatch(str(said)):
            return said
        return self._value(said, metas=metas and (name in _METAS))

    def _name(self, name: str) -> str:
        return name if _NAME.fullmatch(name) else self._stand_ins.text(name)
