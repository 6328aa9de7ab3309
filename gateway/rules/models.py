"""The shape of a rules file: its keys and what each may hold."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.core import messages, optout
from gateway.core.render import nearest
from gateway.rules.problems import QUOTES, short
from gateway.rules.values import (
    Components,
    Duration,
    EventKind,
    GraphBody,
    Ids,
    Language,
    Name,
    Pattern,
    Phrases,
    Sendable,
    TemplateName,
    Texts,
    Version,
    listed,
    wrong,
)


class Model(BaseModel):
    """Part of a rules file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def keys(cls) -> list[str]:
        """Name the keys as they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class TextTest(Model):
    """What the customer's text must be like; all that is given must hold."""

    equals: Texts | None = None
    any_of: Texts | None = None
    contains: Texts | None = None
    word: Phrases | None = None
    starts_with: Texts | None = None
    matches: Pattern | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> "TextTest":
        return self if self.model_fields_set else wrong(f"needs one of {', '.join(self.keys())}")


def _text_test(value: Any) -> Any:
    return {"equals": value} if isinstance(value, str | list) else value


class When(Model):
    """The conditions of a rule; all must hold."""

    event: EventKind = "message"
    type: Ids | None = None
    text: Annotated[TextTest | None, BeforeValidator(_text_test)] = None
    tapped: Ids | None = None
    number: Ids | None = None
    sender: Ids | None = Field(default=None, alias="from")
    first_contact: bool | None = None


class SendTemplate(Model):
    """Send a template that Meta has approved."""

    verb: ClassVar[str] = "send_template"
    send_template: TemplateName
    language: Language
    components: Components | None = None
    marketing: bool = False

    def body(self) -> messages.Body:
        """Build Meta's body, placeholders and all."""
        return messages.template(self.send_template, self.language, self.components)


def _when_closed(value: Any) -> Any:
    if isinstance(value, dict):
        return SendTemplate.model_validate(value)
    return value if value in ("drop", "wait") else wrong("must be drop, wait or a send_template")


WhenClosed = Annotated[SendTemplate | Literal["drop", "wait"] | None, BeforeValidator(_when_closed)]


class SendText(Model):
    """Send a text."""

    verb: ClassVar[str] = "send_text"
    send_text: Sendable
    window_closed: WhenClosed = None

    def body(self) -> messages.Body:
        """Build Meta's body, placeholders and all."""
        return messages.text(self.send_text)


class Send(Model):
    """Send any message that Meta knows, in Meta's own form."""

    verb: ClassVar[str] = "send"
    send: GraphBody
    window_closed: WhenClosed = None

    def body(self) -> messages.Body:
        """Give Meta's body, placeholders and all."""
        return dict(self.send)


class Signal(Model):
    """Tell the customer's phone that the message was read, or that we are typing."""

    verb: Literal["mark_read", "typing"]

    def body(self) -> messages.Body:
        """Build Meta's body for the message that is answered."""
        return SIGNALS[self.verb]("{{ id }}")


class Choice(Model):
    """Note that the customer wants no marketing, or wants it again."""

    verb: Literal["opt_out", "opt_in"]

    def body(self) -> messages.Body:
        """Give no body, for nothing is sent."""
        return {}


SIGNALS = {"mark_read": messages.mark_read, "typing": messages.typing}
# What is written without a colon.
BARE: dict[str, type[Signal | Choice]] = {
    **dict.fromkeys(SIGNALS, Signal), **dict.fromkeys(optout.VERBS, Choice),
}  # fmt: skip
SENDS: dict[str, type[SendText | SendTemplate | Send]] = {
    model.verb: model for model in (SendText, SendTemplate, Send)
}


def _step(value: Any) -> Any:
    if isinstance(value, str):
        if model := BARE.get(value):
            return model.model_validate({"verb": value})
        return SendText.model_validate({"send_text": value})
    if not isinstance(value, dict):
        wrong("must be a text or a mapping with one action")
    verbs = [key for key in value if key in SENDS]
    if len(verbs) > 1:
        wrong(f"holds {' and '.join(verbs)}; each action is an item of its own")
    return SENDS[verbs[0]].model_validate(value) if verbs else wrong(_no_action(value))


def _no_action(value: dict[str, Any]) -> str:
    word = next(iter(value), "")
    if word in BARE:
        return f"{word} stands alone, without a colon"
    hint = nearest(word, [*SENDS, *BARE])
    return f"{short(word)} is no action (if it is a text, {QUOTES}); {hint}"


Step = Annotated[SendText | SendTemplate | Send | Signal | Choice, BeforeValidator(_step)]


class Rule(Model):
    """One rule: when its conditions hold, its actions are done."""

    name: Name
    when: When = When()
    then: Annotated[tuple[Step, ...], BeforeValidator(listed)]


class Defaults(Model):
    """What holds for every rule."""

    max_age: Duration = timedelta(minutes=30)
    window_closed: WhenClosed = None


class Book(Model):
    """One file of rules."""

    version: Version
    defaults: Defaults = Defaults()
    rules: tuple[Rule, ...]


PLACES: dict[str, type[Model]] = {
    "": Book, "defaults": Defaults, "rules": Rule, "when": When, "text": TextTest,
}  # fmt: skip


def known_keys(place: str, neighbours: Any) -> list[str]:
    """Name the keys that may stand at a place of the file."""
    model = PLACES.get(place)
    if not model:
        model = next(SENDS[key] for key in neighbours if key in SENDS)
    return model.keys()
