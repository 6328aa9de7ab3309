"""Shape of a test case: a conversation that is written beside the rules."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.core.text import suggestion_for
from gateway.rules.language.actions import BARE
from gateway.rules.language.call_action import VERBS
from gateway.rules.language.conditions import CALL_OUTCOMES, MEDIA, STATUSES
from gateway.rules.language.refusals import refuse
from gateway.rules.language.times.durations import Duration
from gateway.rules.language.types import (
    Codes,
    Ids,
    Model,
    Name,
    VarName,
    word_of,
    wrap_in_list,
)
from gateway.rules.problems import quote_word
from gateway.rules.testing.service_answers import ServiceAnswers
from gateway.rules.testing.step_notation import SIGNALS

MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})(?: (\S+))?")
# A Monday, so that a test without a time is on an ordinary day.
ORDINARY = datetime(2026, 1, 5, 12, tzinfo=UTC)
# Far enough from the limits of calendars, and of the times that Meta may send.
YEARS = range(2020, 2100)
LONGEST = timedelta(days=3_650)
# The verbs that send the customer a message, in the order in which they are searched.
MESSAGES = {name: VERBS[name] for name in VERBS if name.startswith("send") or name == "react"}
ACTS = (
    "text", "tapped", "media", "reaction", "order", "flow", "status", "call", "event", "field",
    "type",
)  # fmt: skip
WITH_CONTENT = ("media", "order", "type")


def parse_moment(text: str, zone: str = "UTC") -> datetime:
    """Parse a day, a time and a zone, such as 2026-11-22 10:00 Europe/Lisbon.

    `zone` is for a text without one. Raises ValueError with a message for its author.
    """
    try:
        if not (parts := MOMENT.fullmatch(text)):
            raise ValueError  # reported below
        moment = datetime.fromisoformat(f"{parts[1]}T{parts[2]}").replace(
            tzinfo=ZoneInfo(parts[3] or zone)
        )
    except (KeyError, OSError, ValueError):
        raise ValueError("must be a moment such as 2026-11-22 10:00 Europe/Lisbon") from None
    if moment.year not in YEARS:
        raise ValueError(f"must be in the years from {YEARS[0]} to {YEARS[-1]}")
    return moment


def _moment(value: Any) -> Any:
    try:
        return parse_moment(value if isinstance(value, str) else "")
    except ValueError as error:
        return refuse(str(error))


def _any_list(value: Any) -> Any:
    """Return a list, wrapping a single value in one; it may be empty."""
    return [] if value == [] else wrap_in_list(value)


def _message(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, Mapping):
        refuse("must be a text, or a mapping such as {send_buttons: What can I do for you?}")
    verbs = [key for key in value if key in MESSAGES]
    if len(verbs) != 1:
        word = next(iter(value), "")
        refuse(f"{quote_word(word)} is no message; {suggestion_for(word, MESSAGES)}")
    known = MESSAGES[verbs[0]].keys()
    if unknown := next((key for key in value if key not in known), None):
        refuse(f"unknown key {quote_word(unknown)}; {suggestion_for(unknown, known)}")
    return dict(value)


def _digits(word: str) -> str:
    digits = re.sub(r"[\s().+-]", "", word)
    return digits if digits.isdecimal() else refuse("must be a number such as +351900000001")


Moment = Annotated[datetime, BeforeValidator(_moment)]
Message = Annotated[Any, BeforeValidator(_message)]
Digits = Annotated[str, AfterValidator(_digits)]
AnyIds = Annotated[tuple[str, ...], BeforeValidator(_any_list)]
Vars = dict[VarName, str]


class CustomerAct(Model):
    """An act of the customer, or a report of Meta; exactly one act, and details of it."""

    text: str | None = Field(default=None, description="What is written, or a caption.")
    tapped: str | None = Field(default=None, description="The id of a button or list row.")
    media: Literal["image", "video", "audio", "voice", "document", "sticker"] | None = Field(
        default=None, description=f"A file: {', '.join(MEDIA)}."
    )
    reaction: str | None = Field(default=None, description="An emoji to our last message.")
    order: bool | None = Field(default=None, description="`yes`: an order from the catalog.")
    flow: dict[str, Any] | None = Field(default=None, description="The answers of a Flow, by name.")
    type: str | None = Field(default=None, description="Any other type, in Meta's words.")
    content: dict[str, Any] | list[Any] = Field(
        default={}, description="What Meta puts under the type; of media and orders, what differs."
    )
    status: Literal["sent", "delivered", "read", "played", "failed"] | None = Field(
        default=None, description=f"Of our last message: {', '.join(STATUSES)}."
    )
    code: Codes | None = Field(default=None, description="Meta's error code of what failed.")
    call: Annotated[str, word_of(*CALL_OUTCOMES)] | None = Field(
        default=None, description=f"What became of a call: {', '.join(CALL_OUTCOMES)}."
    )
    event: Literal["echo", "standby", "history"] | None = Field(
        default=None, description="A text that comes as an echo of ours, standby or history."
    )
    field: str | None = Field(default=None, description="Any other field of Meta's webhook.")
    value: dict[str, Any] = Field(default={}, description="What Meta puts under the field.")
    referral: dict[str, Any] | None = Field(
        default=None, description="The ad that a message comes from, in Meta's words."
    )
    group: str | None = Field(default=None, description="The group that a message is written in.")
    age: Duration | None = Field(default=None, description="How long ago it happened.")

    @property
    def act(self) -> str:
        """Return the name of the act; a text may be a detail of another act."""
        given = [name for name in ACTS if getattr(self, name) is not None]
        return given[-1] if given else ""

    @model_validator(mode="after")
    def _is_one_act(self) -> "CustomerAct":
        given = [name for name in ACTS if getattr(self, name) is not None]
        if not given:
            refuse(f"needs one of {', '.join(ACTS)}")
        if len(given) > 1 and (given[0] != "text" or given[1] not in ("media", "event")):
            refuse(f"does {' and '.join(given)} at once; each is a line of its own")
        if self.code and not self.status:
            refuse("`code` needs `status: failed` beside it")
        if self.content and self.act not in WITH_CONTENT:
            refuse("`content` needs media, order or type beside it")
        if isinstance(self.content, list) and self.act != "type":
            refuse("`content` must be a mapping; only that of `type: contacts` is a list")
        return self


def _they(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class CaseStep(Model):
    """One step of a conversation, and what is expected after it."""

    they: Annotated[CustomerAct | None, BeforeValidator(_they)] = Field(
        default=None, description="What the customer writes, or does."
    )
    wait: Duration | None = Field(default=None, description="So much time goes by.")
    we: Annotated[tuple[Message, ...], BeforeValidator(_any_list)] | None = Field(
        default=None, description="All that we answer, in order; [] is silence."
    )
    rules: AnyIds | None = Field(default=None, description="The rules that fire, in order.")
    tags: AnyIds | None = Field(default=None, description="All tags that the customer has then.")
    vars: Vars | None = Field(default=None, description="Variables that the customer has then.")
    muted: bool | None = Field(default=None, description="Whether rules are silent for them then.")
    opted_out: bool | None = Field(default=None, description="Whether they want no marketing then.")
    notifications: AnyIds | None = Field(
        default=None, description="The texts of all notifications: posted first, then to phones."
    )
    forwards: AnyIds | None = Field(
        default=None, description="The receivers that the event is handed on to, in order."
    )
    calls: AnyIds | None = Field(
        default=None, description="The calls of services, such as `GET orders:/orders/7`."
    )
    services: ServiceAnswers = Field(
        default={}, description="What services answer from this line on."
    )
    alerts: AnyIds | None = Field(default=None, description="All that the operator is told.")

    @property
    def names_signals(self) -> bool:
        """Say whether read marks and typing are expected too."""
        return any(message in SIGNALS for message in self.we or ())

    @model_validator(mode="after")
    def _is_one(self) -> "CaseStep":
        if (self.they is None) is (self.wait is None):
            refuse("needs either `they` or `wait`")
        expected = self.model_fields_set - {"they", "wait", "services"}
        if self.wait is not None and expected:
            refuse(
                f"nothing is answered to a `wait`, so {sorted(expected)[0]} stands beside `they`"
            )
        return self


class Case(Model):
    """One conversation, and the state when it begins."""

    case: Name = Field(description="What is tested.")
    at: Moment = Field(default=ORDINARY, description="When it begins, with its zone.")
    first_contact: bool = Field(
        default=True, description="`no`: the customer wrote before, 30 days ago."
    )
    name: str = Field(default="", description="The customer's profile name.")
    customer: Digits = Field(default="351900000001", alias="from", description="Their number.")
    number: str = Field(default="100000000000001", description="Our phone number id.")
    tags: Ids = Field(default=(), description="Tags that the customer has already.")
    vars: Vars = Field(default={}, description="Variables that the customer has already.")
    campaign: str = Field(
        default="", description="They got the message of this campaign an hour before."
    )
    opted_out: bool = Field(default=False, description="`yes`: they want no marketing already.")
    services: ServiceAnswers = Field(
        default={}, description="What services answer: `orders: {200: {status: sent}}`."
    )
    talk: Annotated[tuple[CaseStep, ...], BeforeValidator(wrap_in_list)] = Field(
        description="What happens, line by line."
    )

    @model_validator(mode="after")
    def _ends(self) -> "Case":
        waits = [line.wait or timedelta(0) for line in self.talk]
        ages = [line.they.age for line in self.talk if line.they and line.they.age]
        if max(sum(waits, timedelta(0)), *ages, timedelta(0)) > LONGEST:
            refuse("lasts for more than ten years")
        return self


MODEL_BY_KEY: dict[str, type[Model]] = {"": Case, "talk": CaseStep, "they": CustomerAct}
assert set(SIGNALS) <= set(BARE)  # noqa: S101 - signals are verbs of the language


def known_keys(parent_key: str, _: Any) -> list[str]:
    """Return the keys that are allowed at a place of a test."""
    return MODEL_BY_KEY.get(parent_key, Case).keys()
