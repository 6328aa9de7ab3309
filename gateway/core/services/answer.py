"""Answer of a service: the internal delivery in which it comes back, and what rules read of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.events import Event, InternalEvent
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.customers import NOTHING, integer, object_field, text_field

ANSWER = "answer"
OK, FAILED = "ok", "failed"
MOST_BYTES = 64 * 1024
NO_JSON = "the answer is no JSON"
# What a branch needs of the event that asked, as the call's row has it.
_OF_CALL = (
    "rule", "position", "signature", "service", "values", "moments", "said", "typing",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What a service answered to a call, or why it did not.

    `failure` is "" where an answer came. `values` and `moments` are of the event that asked, by the
    names of placeholders.
    """

    call: str
    service: str
    rule: str
    position: int
    signature: str
    status: int | None
    failure: str
    content: Any = field(default=None, repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    moments: Mapping[str, datetime] = field(default_factory=dict, repr=False)
    said: str = field(default="", repr=False)

    @property
    def is_ok(self) -> bool:
        """Say whether the service answered that all is well."""
        return not self.failure and self.status is not None and 200 <= self.status < 300

    @property
    def failure_reason(self) -> str:
        """Return why the branch `failed` follows, "" if the service answered with success."""
        return self.failure or ("" if self.is_ok else f"it answered HTTP {self.status}")

    def choose_branch(self, names: Collection[str]) -> str:
        """Return which of the named branches follows: of a status, the most exact one."""
        if not self.failure:
            for name in (f"{self.status}", f"{(self.status or 0) // 100}xx"):
                if name in names:
                    return name
        return OK if self.is_ok else FAILED


def is_answer(event: Event) -> bool:
    """Say whether an event is the answer of a service."""
    return isinstance(event, InternalEvent) and event.what == ANSWER


def answer_delivery(
    call: str, payload: Mapping[str, Any], status: int | None, content: str, failure: str
) -> bytes:
    """Return the body of the internal delivery that brings an answer back.

    Its key is the call's id, so that of two answers to one call the first has its effect. The
    customer comes first, and the content is a text in a text: whatever a service answers, the
    delivery joins the partition of its customer.
    """
    person = {name: payload[key] for name, key in _PERSON.items() if payload.get(key)}
    return orjson.dumps(
        {
            **person,
            "what": ANSWER,
            "key": f"{ANSWER}|{call}",
            "call": call,
            "number": payload["number"],
            "contact": payload["contact"],
            "timestamp": payload["at"],
            "status": status,
            "failure": failure,
            **{name: payload[name] for name in _OF_CALL if name in payload},
            "content": content,
        }
    )


_PERSON = {"from": "wa_id", "from_user_id": "user_id"}


def answer_key(call: str) -> str:
    """Return the key of the event that a call's answer becomes."""
    return f"returned|{ANSWER}|{call}"


def called_by(key: str) -> str:
    """Return the call whose answer has this key, "" if it is no answer."""
    start = answer_key("")
    return key.removeprefix(start) if key.startswith(start) else ""


def read_answer(event: Event) -> ServiceAnswer:
    """Return the answer that an event brings; total."""
    raw = event.raw if isinstance(event.raw, dict) else NOTHING
    failure, status = text_field(raw, "failure"), integer(raw.get("status"))
    content, is_json = _parse_content(text_field(raw, "content"))
    is_success = status is not None and 200 <= status < 300
    if not failure and (status is None or (is_success and not is_json)):
        failure = NO_JSON
    moments = {
        name: datetime_from_ms(value)
        for name, value in object_field(raw, "moments").items()
        if isinstance(value, int)
    }
    return ServiceAnswer(
        call=text_field(raw, "call"),
        service=text_field(raw, "service"),
        rule=text_field(raw, "rule"),
        position=integer(raw.get("position")) or 0,
        signature=text_field(raw, "signature"),
        status=status,
        failure=failure,
        content=content,
        values={k: str(v) for k, v in object_field(raw, "values").items()},
        moments=moments,
        said=text_field(raw, "said"),
    )


def _parse_content(text: str) -> tuple[Any, bool]:
    """Return the content of an answer, and whether it is JSON; an empty one is, without values."""
    if not text.strip():
        return None, True
    try:
        return orjson.loads(text), True
    except orjson.JSONDecodeError:
        return None, False


MOST_ITEMS = 100  # of a list that a placeholder shows


def value_at(content: Any, path: str) -> str:
    """Return the text under a path such as `order.items.0.name`, "" if there is none.

    A list without a position stands for all its items, with commas.
    """
    return ", ".join(_texts_at(content, path.split(".")))


def _texts_at(node: Any, steps: Sequence[str]) -> list[str]:
    for position, step in enumerate(steps):
        if isinstance(node, list) and not step.isdecimal():
            rest = steps[position:]
            items = (one for one in node[:MOST_ITEMS] if isinstance(one, dict))
            return [text for one in items for text in _texts_at(one, rest)]
        if isinstance(node, list):
            place = int(step[:6])
            node = node[place] if place < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
    return [text for one in _leaves(node) if (text := _as_text(one))]


def _leaves(node: Any) -> Sequence[Any]:
    return node[:MOST_ITEMS] if isinstance(node, list) else [node]


def _as_text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return f"{value:.15g}" if isinstance(value, float) else str(value)
        case _:
            return ""
